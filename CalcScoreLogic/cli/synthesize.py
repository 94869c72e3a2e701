"""``calcscore synthesize``: synthetic CTA from labelled anatomy, with exact truth."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..errors import InputError
from .outcome import Outcome, make_folder
from .phantom import write_case


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "synthesize",
        help="make synthetic CTA from labelled anatomy, with exact truth",
        description="Make case folders with a CTA drawn from a patient's labels, both label maps and the true scores.",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the case folders")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the first case (default 0)")
    parser.add_argument("--cases", type=int, default=1, metavar="N", help="number of cases, one seed each (default 1)")
    parser.add_argument(
        "--anatomy",
        type=Path,
        metavar="FILE",
        help="label map of a patient, e.g. TotalSegmentator's (default: an anatomy of plain solids)",
    )
    parser.add_argument(
        "--spacing", type=float, nargs=3, default=(1.0, 1.0, 1.0), metavar=("X", "Y", "Z"), help="mm (default 1 1 1)"
    )
    return parser


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    from tqdm import tqdm

    from ..synthesis import drawn_anatomy, make_case, read_anatomy

    if options.cases < 1:
        raise InputError(f"--cases: {options.cases} cases cannot be made, give 1 or more")
    if options.seed < 0:
        raise InputError(f"--seed: {options.seed} is no seed, give 0 or more")
    anatomy = read_anatomy(options.anatomy) if options.anatomy else drawn_anatomy()
    make_folder(options.output)
    cases, lines = [], []
    seeds = range(options.seed, options.seed + options.cases)
    for seed in tqdm(seeds, unit="case", disable=not sys.stderr.isatty()):
        case = make_case(anatomy, seed, tuple(options.spacing))
        folder = options.output / f"case_{seed}"
        truth = write_case(folder, case, "synthesis")
        combined = truth["territories"]["combined"]
        cases.append({"case": folder.name, "folder": str(folder), "truth": truth["territories"]})
        burden = "no artery" if combined["burden"] is None else f"burden {100 * combined['burden']:.1f} %"
        lines.append(f"{folder}: {burden}, phase {case.details['phase']}, lumen {case.details['lumen_hu']:.0f} HU")
    return Outcome(lines, {"cases": cases})
