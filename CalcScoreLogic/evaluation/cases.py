"""The cases of a study: which folders belong together, and what is done with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .. import case_files as files
from ..atomic import finish_folder
from ..errors import InputError
from ..images.dicom_segments import find_segmentation
from ..shortening import ShorteningParameters
from ..thresholding import FIXED_HU

REFERENCE = "reference"
NETWORK = "network"
IDEAL = "ideal threshold"
ADAPTIVE = "adaptive threshold"
FIXED = "fixed threshold"
THRESHOLDS = (IDEAL, ADAPTIVE, FIXED)

_MAP_STEMS = tuple(files.without_ending(Path(name)) for name in (files.TERRITORIES, files.CALCIFICATION))


@dataclass(frozen=True)
class StudyParameters:
    """What is done with every case.

    Attributes
    ----------
    shortening : ShorteningParameters
        Standard lengths, for both sides.
    fixed_hu : float
        The fixed threshold, HU.
    fixed_from : str
        Where it comes from, for the record.
    """

    shortening: ShorteningParameters = field(default_factory=ShorteningParameters)
    fixed_hu: float = FIXED_HU
    fixed_from: str = "the published value"


@dataclass(frozen=True)
class LabelFiles:
    """The two label maps of a case."""

    territories: Path
    calcification: Path


@dataclass(frozen=True)
class StudyCase:
    """A case that is on every side.

    Attributes
    ----------
    name : str
        Name of its folders.
    reference : LabelFiles
        What is taken for the truth.
    predictions : dict of str to LabelFiles
        By method; the thresholds are scored in the arteries of the first one.
    cta : Path or None
        CTA for the thresholds; a folder with a DICOM series will do.
    """

    name: str
    reference: LabelFiles
    predictions: dict[str, LabelFiles]
    cta: Path | None = None


@dataclass(frozen=True)
class Matching:
    """Result of `match_cases`.

    Attributes
    ----------
    cases : tuple of StudyCase
        The cases that are complete, sorted by name.
    unmatched : dict of str to str
        Why each of the others is left out, by name.
    """

    cases: tuple[StudyCase, ...]
    unmatched: dict[str, str]


def match_cases(reference: Path, predictions: Mapping[str, Path], cta: Path | None = None) -> Matching:
    """Match the case folders of all sides by name.

    Parameters
    ----------
    reference : Path
        Folder with one folder a case, each with ``territories`` and ``calcification`` in any format that is read, or
        with one DICOM segmentation.
    predictions : mapping of str to Path
        The same, by method.
    cta : Path, optional
        Folder with one folder a case, each with a ``cta``.

    Returns
    -------
    Matching
        Cases that every side has, and why the others are left out.

    Raises
    ------
    InputError
        A folder is missing, or no case is on every side.
    """
    sides = {f"the {REFERENCE}": _side(reference, _MAP_STEMS)}
    sides |= {f"the prediction {method!r}": _side(folder, _MAP_STEMS) for method, folder in predictions.items()}
    if cta is not None:
        sides["the CTA folder"] = _side(cta, (files.CTA_STEM,))
    cases, unmatched = [], {}
    for name in sorted(set().union(*sides.values())):
        reason = "; ".join(_problem(side, found.get(name)) for side, found in sides.items() if _lacks(found.get(name)))
        if reason:
            unmatched[name] = reason
            continue
        maps = [
            LabelFiles(*(found[name][stem][0] for stem in _MAP_STEMS))
            for found in list(sides.values())[: 1 + len(predictions)]
        ]
        image = sides["the CTA folder"][name][files.CTA_STEM][0] if cta is not None else None
        cases.append(StudyCase(name, maps[0], dict(zip(predictions, maps[1:], strict=True)), image))
    if not cases:
        raise InputError(f"no case is complete on every side, e.g. {_first(unmatched)}")
    return Matching(tuple(cases), unmatched)


def agreeing_by_definition(matching: Matching) -> list[str]:
    """Tell where the maps of a prediction are the reference's own files.

    Parameters
    ----------
    matching : Matching
        The cases.

    Returns
    -------
    list of str
        A sentence for each method and map of which that is so.
    """
    told = []
    for method in matching.cases[0].predictions:
        for stem in _MAP_STEMS:
            own = [_is_own(case, method, stem) for case in matching.cases]
            if any(own):
                where = f"in {sum(own)} of {len(own)} cases"
                told.append(f"{method}: {where} the map of {stem} is the reference's own file and agrees by definition")
    return told


def _is_own(case: StudyCase, method: str, stem: str) -> bool:
    """Tell whether a label map of a prediction is the reference's file."""
    theirs, ours = (getattr(maps, stem) for maps in (case.reference, case.predictions[method]))
    return files.real_path(theirs) == files.real_path(ours)


_Found = dict[str, list[Path]]


def _side(folder: Path, stems: tuple[str, ...]) -> dict[str, _Found]:
    """Find the case folders of one side and what they hold of each file."""
    if not folder.is_dir():
        raise InputError(f"{folder}: this folder does not exist, give the folder with the case folders")
    cases = (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    found = {case.name: {stem: _candidates(case, stem) for stem in stems} for case in cases}
    return {name: held for name, held in found.items() if any(held.values())}


def _candidates(case: Path, stem: str) -> list[Path]:
    """List what could be a file of a case; a DICOM series is a folder, a DICOM segmentation holds both label maps."""
    finish_folder(case)
    found = files.case_images(case, stem)
    if found or stem == files.CTA_STEM:
        return found
    segmentation = find_segmentation(case)
    return [segmentation] if segmentation is not None else []


def _lacks(held: _Found | None) -> bool:
    return held is None or any(len(paths) != 1 for paths in held.values())


def _problem(side: str, held: _Found | None) -> str:
    """Say what is wrong with a case on one side."""
    if held is None:
        return f"not in {side}"
    lacking = [stem for stem, paths in held.items() if not paths]
    if lacking:
        return f"no {' and no '.join(lacking)} in {side}"
    twice = next(paths for paths in held.values() if len(paths) > 1)
    return f"{' and '.join(path.name for path in twice)} are both in {side}"


def _first(unmatched: Mapping[str, str]) -> str:
    return next((f"{name}: {reason}" for name, reason in unmatched.items()), "the folders hold no case folders")
