"""Commands on an odd image, list, model or folder of results, and what must be true whatever it holds."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from CalcScoreLogic.cli import main
from CalcScoreLogic.csv_files import read_csv
from CalcScoreLogic.evaluation.phases import PHASE_COLUMNS
from CalcScoreLogic.evaluation.tables import TABLE2_COLUMNS, TABLE3_COLUMNS, TESTS_COLUMNS
from CalcScoreLogic.evaluation.workflow import PHASES, TABLE2, TABLE3, TESTS
from CalcScoreLogic.images.files import read_image
from Testing.fuzz.dicom_headers import odd_segmentation, write_good_series, write_odd_series
from Testing.fuzz.image_headers import ODD_TEXTS, damaged, odd_files
from Testing.logic.image_files import good_calcification, good_ct, good_territories

_STUDY_COLUMNS = {
    TABLE2: TABLE2_COLUMNS,
    TABLE3: TABLE3_COLUMNS,
    TESTS: TESTS_COLUMNS,
    PHASES: PHASE_COLUMNS,
}
"""Columns of the tables whose rows are no cases."""

INTERNALS = ("Traceback", ".cxx", "ITK ERROR", "itk::", "site-packages", 'File "')


@dataclass(frozen=True)
class Trial:
    """A command with an odd input.

    Attributes
    ----------
    arguments : list of str
        As on the command line.
    keeps_folder : bool
        Where single cases fail, the folder of results is left with its tables.
    """

    arguments: list[str]
    keeps_folder: bool = False


class Problem(Exception):  # noqa: N818  what the program found, not what it raises
    """What a command did that no command may do; `key` is the same for the same problem."""

    def __init__(self, key: str, told: str) -> None:
        super().__init__(told)
        self.key = key


@st.composite
def trials(draw: st.DrawFn, folder: Path) -> Trial:
    """Draw a command, and write its inputs into ``folder/in``; it writes into ``folder/out``."""
    place, out = folder / "in", folder / "out"
    place.mkdir()
    out.mkdir()
    good = {"ct": good_ct(place), "territories": good_territories(place), "calcification": good_calcification(place)}
    role = draw(st.sampled_from(["ct", "ct", "ct", "territories", "territories", "calcification", *_OTHERS]))
    if role in _OTHERS:
        return _OTHERS[role](draw, place, out, good)
    odd = _odd_input(draw, role, place)
    return draw(st.sampled_from(_COMMANDS[role]))(draw, {**good, role: odd}, place, out)


def check(trial: Trial, folder: Path) -> int:
    """Run a command and give its exit code; raises Problem."""
    place, out = folder / "in", folder / "out"
    before, standing = _content(place), _content(out)
    told, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(said):
        try:
            code = main(trial.arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            key = f"{type(error).__name__} in {Path(last.filename).name}:{last.name}"
            raise Problem(f"traceback: {key}", traceback.format_exc()) from None
    printed = told.getvalue() + said.getvalue()
    _require(code in (0, 1, 2), f"exit code {code}", printed)
    _require(_content(place) == before, "an input was changed", printed)
    for word in INTERNALS:
        _require(word not in printed, f"the message shows {word}", printed)
    if code and not (code == 1 and trial.keeps_folder):
        lines = [line for line in said.getvalue().splitlines() if not line.startswith("warning: ")]
        _require(len(lines) == 1, "not one sentence", printed)
    if "--json" in trial.arguments and code == 0:
        try:
            json.loads(told.getvalue())
        except ValueError:
            raise Problem("--json prints something else", printed) from None
    if code == 0 or trial.keeps_folder:
        _check_outputs(out, standing, code, printed)
    else:
        _require(_content(out) == standing, "a failed command left or changed a file", printed)
    return code


def _check_outputs(out: Path, standing: dict[str, str], code: int, printed: str) -> None:
    """Look for half files, and read what was made; raises Problem."""
    _require(not [path for path in out.rglob("*") if ".tmp" in path.name], "a temporary file is left", printed)
    made = [Path(path) for path, content in _content(out).items() if standing.get(path) != content]
    for path in made:
        try:
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix == ".csv":
                read_csv(path, _STUDY_COLUMNS.get(path.name, ("case",)))
            elif path.name.endswith((".nii.gz", ".nrrd", ".mha")):
                read_image(path)
        except Exception as error:
            raise Problem(f"an output cannot be read: {path.name}", f"{error}\n{printed}") from None


def _require(holds: bool, key: str, printed: str) -> None:
    if not holds:
        raise Problem(key, f"{key}\n{printed}")


def _content(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def _odd_input(draw: st.DrawFn, role: str, place: Path) -> Path:
    """Write an odd image file, or for a CT a DICOM series now and then."""
    if role == "ct" and draw(st.booleans()):
        write_odd_series(draw, place / "series")
        return place / "series"
    odd = draw(odd_files(role))
    path = place / f"odd{odd.suffix}"
    path.write_bytes(odd.content)
    return path


_Maker = Callable[[st.DrawFn, dict[str, Path], Path, Path], Trial]


def _json(draw: st.DrawFn) -> list[str]:
    return ["--json"] if draw(st.booleans()) else []


def _score(draw: st.DrawFn, files: dict[str, Path], place: Path, out: Path) -> Trial:
    maps = ["--territories", str(files["territories"]), "--calcification", str(files["calcification"])]
    cta = ["--cta", str(files["ct"])] if draw(st.sampled_from([True, True, False])) else []
    shape = draw(st.sampled_from([[], [], ["--no-shorten"], ["--method", "geodesic"], ["--length", "5"]]))
    return Trial(["score", *maps, *cta, *shape, "-o", str(out / "s.json"), "--csv", str(out / "s.csv"), *_json(draw)])


def _threshold(draw: st.DrawFn, files: dict[str, Path], place: Path, out: Path) -> Trial:
    method = draw(st.sampled_from(["fixed", "otsu", "percentile", "ideal", "adaptive"]))
    reference = ["--reference", str(files["calcification"])] if method == "ideal" else []
    arguments = ["threshold", str(files["ct"]), "--arteries", str(files["territories"]), "--method", method, *reference]
    suffix = draw(st.sampled_from([".nii.gz", ".seg.nrrd", ".mha"]))
    return Trial([*arguments, "-o", str(out / f"c{suffix}"), *_json(draw)])


def _analyze(draw: st.DrawFn, files: dict[str, Path], place: Path, out: Path) -> Trial:
    calcification = draw(st.sampled_from(["adaptive", "470", "130.5", "-900"]))
    extra = ["--dicom"] if draw(st.sampled_from([False, False, True])) else []
    arguments = ["analyze", str(files["ct"]), "--arteries", str(files["territories"]), "--calcification", calcification]
    return Trial([*arguments, *extra, "-o", str(out / "case"), *_json(draw)])


def _batch(draw: st.DrawFn, files: dict[str, Path], place: Path, out: Path) -> Trial:
    case = place / "cohort" / "case_1"
    case.parent.mkdir()
    files["ct"].rename(case) if files["ct"].is_dir() else case.mkdir()
    if files["ct"].is_file():
        suffix = files["ct"].name.removeprefix("odd").removeprefix("good_ct")
        files["ct"].rename(case / f"cta{suffix}")
    arguments = ["batch", str(place / "cohort"), "--arteries", str(files["territories"]), "--calcification", "470"]
    return Trial([*arguments, "-o", str(out / "results"), *_json(draw)], keeps_folder=True)


def _shorten(draw: st.DrawFn, files: dict[str, Path], place: Path, out: Path) -> Trial:
    shape = draw(st.sampled_from([[], ["--method", "geodesic"], ["--length", "5"], ["--margin", "0"]]))
    return Trial(["shorten", str(files["territories"]), *shape, "-o", str(out / "t.nii.gz"), *_json(draw)])


def _territories(draw: st.DrawFn, files: dict[str, Path], place: Path, out: Path) -> Trial:
    source = str(files["territories"])
    how = draw(
        st.sampled_from(
            [
                [source, "--map", "1=aorta,2=iliac"],
                [source, "--preset", "totalsegmentator"],
                ["--aorta", source],
                [source],
            ]
        )
    )
    return Trial(["territories", *how, "-o", str(out / "t.nrrd"), *_json(draw)])


def _evaluate(draw: st.DrawFn, files: dict[str, Path], place: Path, out: Path) -> Trial:
    """Compare one case with a good reference."""
    for side, maps in (("reference", {"territories": place / "good_territories.nii"}), ("prediction", files)):
        (place / side / "a").mkdir(parents=True)
        for role in ("territories", "calcification"):
            source = maps.get(role, place / f"good_{role}.nii")
            suffix = source.name[len(source.name.partition(".")[0]) :]
            shutil.copyfile(source, place / side / "a" / f"{role}{suffix}")
    sides = ["--reference", str(place / "reference"), "--prediction", str(place / "prediction")]
    return Trial(["evaluate", *sides, "-o", str(out / "study"), *_json(draw)])


def _synthesize(draw: st.DrawFn, files: dict[str, Path], place: Path, out: Path) -> Trial:
    anatomy = ["--anatomy", str(files["territories"]), "--spacing", "5", "5", "5"]
    return Trial(["synthesize", *anatomy, "-o", str(out / "cases"), *_json(draw)])


def _good_results(folder: Path) -> Path:
    """Give the results of a good run, made once."""
    results = folder / "good_results"
    if not results.exists():
        inputs = folder / "good_inputs"
        inputs.mkdir()
        series = str(write_good_series(inputs / "series"))
        arguments = ["analyze", series, "--arteries", str(good_territories(inputs)), "--dicom"]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            assert main([*arguments, "--calcification", "-900", "-o", str(results)]) == 0
    return results


def _rescore(draw: st.DrawFn, files: dict[str, Path], place: Path, out: Path) -> Trial:
    """Score corrected maps again, in results that a good run left."""
    results = shutil.copytree(_good_results(place.parent.parent), out / "case")
    role = draw(st.sampled_from(["territories", "calcification"]))
    suffix = files[role].name[len(files[role].name.partition(".")[0]) :]
    corrected = files[role].rename(place / f"{role}{suffix}")
    return Trial(["rescore", str(corrected), "-o", str(results), "--cta", str(files["ct"]), *_json(draw)])


def _list(draw: st.DrawFn, place: Path, out: Path, good: dict[str, Path]) -> Trial:
    """Run a batch from a list that nobody would write."""
    cells = st.sampled_from(["case", "path", "arteries", "good_ct.nii", "good_territories.nii", "a", "=1"]) | ODD_TEXTS
    delimiter = draw(st.sampled_from(",;\t|"))
    rows = draw(st.lists(st.lists(cells, max_size=4).map(delimiter.join), max_size=5))
    header = draw(st.sampled_from(["case,path", "Case ,PATH,x", "case,path,arteries"])).replace(",", delimiter)
    text = draw(st.sampled_from(["", "sep=;\r\n", "\ufeff"])) + "\r\n".join([header, *rows])
    encoding = draw(st.sampled_from(["utf-8", "utf-16", "latin-1"]))
    path = place / "list.csv"
    path.write_bytes(damaged(draw, text.encode(encoding, "replace")))
    arguments = ["batch", str(path), "--arteries", str(good["territories"]), "--calcification", "470"]
    return Trial([*arguments, "-o", str(out / "results"), *_json(draw)], keeps_folder=True)


def _scores(draw: st.DrawFn, place: Path, out: Path, good: dict[str, Path]) -> Trial:
    """Score again in results whose scores.json was edited by hand."""
    value = st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
        max_leaves=4,
    )
    keys = ["schema", "case", "parameters", "territories", "vessels", "clusters", "warnings", "provenance", "composite"]
    trial = _rescore(draw, dict(good), place, out)
    path = out / "case" / "scores.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for key in draw(st.lists(st.sampled_from(keys), min_size=1, max_size=2)):
        inner = content.get(key)
        if isinstance(inner, dict) and inner and draw(st.booleans()):
            inner[draw(st.sampled_from(sorted(inner)))] = draw(value)
        else:
            content[key] = draw(value)
    path.write_bytes(damaged(draw, json.dumps(content).encode()))
    if draw(st.sampled_from([False, False, True])):
        arguments = ["cases", str(out / "case"), "--source", str(place), "-o", str(out / "corrected")]
        return Trial([*arguments, *_json(draw)])
    return trial


def _models(draw: st.DrawFn, place: Path, out: Path, good: dict[str, Path]) -> Trial:
    """Check or install a folder that is not quite a model."""
    folder = place / "model"
    (folder / "fold_0").mkdir(parents=True)
    odd = {"labels": {"background": 0, "aorta": 1}, "channel_names": {"0": "CT"}, "file_ending": ".nii.gz"}
    odd |= draw(st.dictionaries(st.sampled_from(["labels", "channel_names", "numTraining"]), ODD_TEXTS, max_size=2))
    for name in ("dataset.json", "plans.json"):
        (folder / name).write_bytes(damaged(draw, json.dumps(odd).encode()))
    (folder / "fold_0" / "checkpoint_final.pth").write_bytes(draw(st.binary(max_size=60)))
    arguments = draw(st.sampled_from([["check"], ["install", "--store", str(place / "store")]]))
    return Trial(["models", arguments[0], str(folder), *arguments[1:], *_json(draw)])


def _segmentation(draw: st.DrawFn, place: Path, out: Path, good: dict[str, Path]) -> Trial:
    """Take arteries from a DICOM segmentation that is not quite one."""
    results = _good_results(place.parent.parent)
    shutil.copytree(results.parent / "good_inputs" / "series", place / "series")
    odd = place / "odd.dcm"
    odd.write_bytes(odd_segmentation(draw, (results / "segmentation.dcm").read_bytes()))
    files = {**good, "ct": place / "series", "territories": odd}
    return draw(st.sampled_from([_analyze, _territories, _shorten, _score]))(draw, files, place, out)


_OTHERS = {"list": _list, "scores": _scores, "models": _models, "segmentation": _segmentation}
_COMMANDS: dict[str, tuple[_Maker, ...]] = {
    "ct": (_score, _threshold, _analyze, _batch, _rescore),
    "territories": (
        _score,
        _threshold,
        _analyze,
        _batch,
        _shorten,
        _territories,
        _rescore,
        _evaluate,
        _synthesize,
    ),
    "calcification": (_score, _threshold, _rescore, _evaluate),
}
