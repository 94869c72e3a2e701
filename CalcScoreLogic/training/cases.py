"""The cases that the ensembles learn from: where they are and whether they can be used."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import case_files as files
from ..atomic import finish_folder
from ..errors import InputError
from ..images.common_grid import check_same_grid
from ..images.files import read_calcification, read_ct, read_territories, refuse_label_map
from ..images.geometry import Array, Image
from ..models import Role
from ..quality.belonging import belonging_warnings
from ..quality.ct import value_warnings
from ..quality.exchange import exchange_warning
from ..quality.orientation import orientation_warning
from .recipe import FOLDS

_STEMS = tuple(files.without_ending(Path(name)) for name in (files.CTA, files.TERRITORIES, files.CALCIFICATION))


@dataclass(frozen=True)
class TrainingCase:
    """A CTA with its label maps.

    Attributes
    ----------
    name : str
        Name of the case: its folder's.
    cta, territories, calcification : Path
        Its files; the CTA may be a folder with a DICOM series.
    """

    name: str
    cta: Path
    territories: Path
    calcification: Path

    def label_map(self, role: Role) -> Path:
        """Give the label map that an ensemble learns."""
        return self.territories if role is Role.TERRITORIES else self.calcification

    def stamps(self) -> dict[str, list[Any]]:
        """Give path, size and time of change of each file, by which a changed case is told."""
        paths = (self.cta, self.territories, self.calcification)
        stats = [path.stat() for path in paths]
        return {
            stem: [str(path.resolve()), stat.st_size, stat.st_mtime_ns]
            for stem, path, stat in zip(_STEMS, paths, stats, strict=True)
        }


@dataclass
class CaseReport:
    """What `check_cases` found.

    Attributes
    ----------
    problems : list of str
        Why the cases cannot be used, one sentence each.
    warnings : list of str
        What a reader should know.
    """

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def find_cases(folder: Path) -> list[TrainingCase]:
    """Find the case folders in a folder.

    Parameters
    ----------
    folder : Path
        With one folder a case, each with ``cta``, ``territories`` and ``calcification`` in any format that is read.

    Returns
    -------
    list of TrainingCase
        Sorted by name.

    Raises
    ------
    InputError
        The folder is missing or holds no case, or a case lacks a file or has one twice; all such cases are named.
    CalcScoreError
        See `finish_folder`.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: this folder does not exist, give the folder with the case folders")
    cases, problems = [], []
    for case in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        finish_folder(case)
        found = {stem: files.case_images(case, stem) for stem in _STEMS}
        if not any(found.values()):
            continue
        lacking = [stem for stem, paths in found.items() if not paths]
        twice = [stem for stem, paths in found.items() if len(paths) > 1]
        problems += [f"{case}: there is no {stem} file (e.g. {stem}.nii.gz), add it" for stem in lacking]
        for stem in twice:
            names = " and ".join(path.name for path in found[stem])
            problems.append(f"{case}: {names} are both there, keep one")
        if not lacking and not twice:
            cases.append(TrainingCase(case.name, *(found[stem][0] for stem in _STEMS)))
    if not cases and not problems:
        raise InputError(f"{folder}: no case folder with {', '.join(_STEMS)} is in it")
    raise_problems(problems)
    return cases


def check_cases(cases: Sequence[TrainingCase], tell: Callable[[str], None] = lambda _: None) -> CaseReport:
    """Read all cases and say what is wrong with them.

    Parameters
    ----------
    cases : sequence of TrainingCase
        The cases.
    tell : callable
        Called with a few words before each case.

    Returns
    -------
    CaseReport
        Files that cannot be read or hold unknown labels, maps on another grid than their CTA, labels that no case
        holds and fewer than five cases are problems; an empty label map, a CTA that is there twice, and what `quality`
        finds of maps and values are warnings.
    """
    report = CaseReport()
    if len(cases) < FOLDS:
        report.problems.append(f"there are {len(cases)} cases, five folds need at least {FOLDS}")
    seen: dict[Role, set[int]] = {role: set() for role in Role}
    same: dict[str, str] = {}
    readable = 0
    for number, case in enumerate(cases, start=1):
        tell(f"checking case {number} of {len(cases)}")
        try:
            cta = read_ct(case.cta)
            refuse_label_map(cta, str(case.cta))
            held = _check_case(case, cta, report)
        except InputError as error:
            report.problems.append(str(error))
            continue
        readable += 1
        first = same.setdefault(hashlib.sha256(cta.canonical().array.tobytes()).hexdigest(), case.name)
        if first != case.name:
            report.warnings.append(f"{case.cta}: the same CTA as in {first}, so a fold is tested on what it has seen")
        for role, values in held.items():
            seen[role] |= values
    for role in Role if readable == len(cases) else ():
        missing = [label for label in role.labels if label not in seen[role]]
        report.problems += [
            f"no {role.value} map holds label {int(label)} ({label.name.lower()}), the network could not learn it"
            for label in missing
        ]
    return report


def raise_problems(problems: Sequence[str]) -> None:
    """Refuse with all problems at once; raises InputError where there are any."""
    if len(problems) == 1:
        raise InputError(problems[0])
    if problems:
        raise InputError("\n  ".join([f"the cases have {len(problems)} problems:", *problems]))


def _check_case(case: TrainingCase, cta: Image, report: CaseReport) -> dict[Role, set[int]]:
    """Check one case and say which labels its maps hold; raises InputError."""
    maps = {Role.TERRITORIES: read_territories(case.territories)}
    maps[Role.CALCIFICATION] = read_calcification(case.calcification)
    for role, image in maps.items():
        check_same_grid(image, cta, str(case.label_map(role)), str(case.cta))
    held = {role: _labels(image.array) for role, image in maps.items()}
    for role, values in held.items():
        if not values:
            report.warnings.append(f"{case.label_map(role)}: the label map is empty")
    _compare(case, maps, report)
    arteries, calcification = maps[Role.TERRITORIES], maps[Role.CALCIFICATION]
    doubts = (exchange_warning(calcification, arteries), orientation_warning(arteries))
    told = (*(doubt for doubt in doubts if doubt), *belonging_warnings(cta, arteries, calcification))
    report.warnings += [f"{case.name}: {text}" for text in (*told, *value_warnings(cta))]
    return held


def _compare(case: TrainingCase, maps: dict[Role, Image], report: CaseReport) -> None:
    """Warn when the two maps of a case do not speak of the same arteries."""
    arteries, calcified = (maps[role].array > 0 for role in Role)
    if arteries.any() and calcified.any() and not (arteries & calcified).any():
        report.warnings.append(f"{case.calcification}: no voxel of it lies in the arteries of {case.territories.name}")


def _labels(array: Array) -> set[int]:
    return set(np.flatnonzero(np.bincount(array.ravel())).tolist()) - {0}
