"""What a batch is made of: checksums, the countdown, the folder's lock and its leftovers."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from CalcScoreLogic.cohort.case_inputs import CohortInput
from CalcScoreLogic.cohort.case_outcome import reason_of
from CalcScoreLogic.cohort.checksums import UNREADABLE, Content, content_of, stamp_of
from CalcScoreLogic.cohort.progress import Countdown
from CalcScoreLogic.cohort.recipe import Recipe
from CalcScoreLogic.cohort.state import STATE_FOLDER, CohortFolder, Record, State
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.protocol import Progress


def test_the_checksum_of_one_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert content_of([tmp_path / "a"]).sha256 == hashlib.sha256(b"abc").hexdigest()


def test_the_checksum_of_several_files_does_not_know_their_names(tmp_path: Path) -> None:
    for name, data in (("a", b"1"), ("b", b"2"), ("x", b"2"), ("y", b"1"), ("z", b"3")):
        (tmp_path / name).write_bytes(data)
    first, second, other = (content_of([tmp_path / n for n in names]).sha256 for names in ("ab", "xy", "az"))
    assert first == second != other


def test_a_touched_file_has_another_stamp_and_the_same_checksum(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    before = content_of([file])
    assert stamp_of([file]) == before.stamp
    os.utime(file, ns=(1, 1))
    after = content_of([file])
    assert after.sha256 == before.sha256
    assert after.stamp != before.stamp


def test_what_cannot_be_read_has_no_content(tmp_path: Path) -> None:
    assert content_of([tmp_path / "none"]) == UNREADABLE
    assert stamp_of([tmp_path / "none"]) == ""


def test_the_countdown_counts_and_expects() -> None:
    seen: list[str] = []
    now = 100.0
    countdown = Countdown(seen.append, lambda: now)
    countdown.begin(total=10, pending=8, failed=1)
    assert seen[-1] == "1 of 10 cases done, 1 failed"
    assert countdown.seconds_left() is None
    now = 130.0
    countdown.on_progress("case_3", Progress("territories", 0.5, 30.0, 2, 5))
    # Half a case in 30 s, seven and a half to go: 450 s.
    assert countdown.seconds_left() == 450
    assert seen[-1] == "1 of 10 cases done, 1 failed · case_3: territories, fold 2 of 5 · 8 min left"
    now = 180.0
    countdown.on_end(failed=False)
    countdown.on_end(failed=True)
    assert countdown.seconds_left() == 40 * 6
    assert seen[-1].startswith("2 of 10 cases done, 2 failed")


def test_a_reason_does_not_name_folders() -> None:
    case = CohortInput("case_1", Path("/data/Doe_John/scan.nii.gz"), "")
    assert reason_of(InputError("/data/Doe_John/scan.nii.gz: the file\nis cut"), case) == "scan.nii.gz: the file is cut"
    assert reason_of(ValueError("odd"), case) == "ValueError: odd"
    assert "memory" in reason_of(MemoryError(), case)


def test_a_recipe_is_known_by_what_decides_the_results() -> None:
    recipe = Recipe(())
    assert Recipe((), options=InferenceOptions(threads=3), interpreter="p").fingerprint() == recipe.fingerprint()
    others = [InferenceOptions(step_size=0.7), InferenceOptions(mirroring=False)]
    assert len({recipe.fingerprint(), *(Recipe((), options=options).fingerprint() for options in others)}) == 3


def test_records_come_back_and_broken_ones_do_not(tmp_path: Path) -> None:
    cohort = CohortFolder(tmp_path)
    record = Record("case ä", State.FAILED, "why", 1.5, Content("a", "b"), "recipe")
    with cohort.locked():
        cohort.keep(record)
        (tmp_path / STATE_FOLDER / "broken.json").write_text('{"case": "x"')
        assert cohort.records() == {"case ä": record}
        cohort.forget("case ä")
        assert cohort.records() == {}


def test_the_lock_goes_with_the_process(tmp_path: Path) -> None:
    code = f"""
import sys, time
from pathlib import Path
from CalcScoreLogic.cohort.state import CohortFolder
with CohortFolder(Path({str(tmp_path)!r})).locked():
    print("locked", flush=True)
    time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"locked\n"
    with pytest.raises(InputError, match="another calcscore batch"), CohortFolder(tmp_path).locked():
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    with CohortFolder(tmp_path).locked():
        pass


def test_leftovers_of_a_killed_batch_go_and_nothing_else(tmp_path: Path) -> None:
    state = tmp_path / STATE_FOLDER
    (tmp_path / ".case_1.0a1b2c3d.tmp").mkdir()
    (tmp_path / ".case_1.0a1b2c3d.tmp" / "territories.nii.gz").write_bytes(b"half")
    state.mkdir()
    for path in (tmp_path / ".scores.csv.0a1b2c3d.tmp.csv", state / ".case_1.json.ffffffff.tmp.json"):
        path.write_bytes(b"half")
    for path in (tmp_path / ".hidden", tmp_path / "case_1.tmp", state / "case_1.json"):
        path.write_bytes(b"kept")
    with CohortFolder(tmp_path).locked():
        assert sorted(path.name for path in tmp_path.iterdir()) == [STATE_FOLDER, ".hidden", "case_1.tmp"]
        assert sorted(path.name for path in state.iterdir()) == ["case_1.json", "lock"]
