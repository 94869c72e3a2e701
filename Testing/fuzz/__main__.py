"""``python -m Testing.fuzz``: try odd inputs for some minutes; exit code 1 where something was found.

A process of its own tries the examples; where it hangs for over 30 s, or dies, that is a finding too, and another one
goes on.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from Testing.fuzz.worker import BEAT, FOUND, TRIED, keep, work

HANG_S = 30.0
"""Of the processor's time; on a busy machine a command may wait longer than that."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m Testing.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--findings", type=Path, help="folder to keep the findings in (default: a temporary one)")
    options = parser.parse_args()
    until, number = time.time() + 60 * options.minutes, options.seed
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        while time.time() < until:
            process = context.Process(target=work, args=(folder, number, until))
            process.start()
            watch(process, folder)
            number += 1
        found = sorted((folder / FOUND).iterdir()) if (folder / FOUND).is_dir() else []
        tally: Counter[str] = Counter()
        for path in folder.glob(f"{TRIED}*.json"):
            tally.update(json.loads(path.read_text(encoding="utf-8")))
        print(f"{tally.total()} examples from seed {options.seed}, {len(found)} kinds of findings; by exit code:")
        print(", ".join(f"{what}: {count}" for what, count in sorted(tally.items())))
        if found:
            target = options.findings or Path(tempfile.mkdtemp(prefix="fuzz_findings_"))
            shutil.copytree(folder / FOUND, target, dirs_exist_ok=True)
            for one in found:
                print(f"\n== {target / one.name}\n{(one / 'told.txt').read_text(encoding='utf-8')[-1500:]}")
    return 1 if found else 0


def watch(process: multiprocessing.process.BaseProcess, folder: Path) -> None:
    """Wait for a process; end it where it hangs, and keep what it was at where it did not end well."""
    assert process.pid is not None
    mark, since = "", 0.0
    while process.is_alive():
        process.join(0.5)
        try:
            now = (folder / BEAT).read_text(encoding="utf-8")
            used = sum(psutil.Process(process.pid).cpu_times()[:2])
        except (OSError, psutil.Error):
            continue
        if now != mark:
            mark, since = now, used
        elif used - since > HANG_S:
            process.kill()
            process.join()
            _keep_last(folder, "hang", mark)
            return
    if process.exitcode and (folder / BEAT).exists():
        # What it was at when it died may have begun after the last look.
        mark = (folder / BEAT).read_text(encoding="utf-8")
        _keep_last(folder, f"the process died with {process.exitcode}", mark)


def _keep_last(folder: Path, key: str, mark: str) -> None:
    """Keep the inputs that a process was at when it ended."""
    place, _, command = mark.partition("\n")
    if mark:
        Path(place).mkdir(exist_ok=True)
        keep(folder, Path(place), f"{key}: {command.partition(' ')[0]}", f"{key}\n{mark}")
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
