"""Corrected cases of a cohort as cases to train on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import case_files as files
from ..anatomy import CalcificationLabel, Territory
from ..atomic import atomic_folder
from ..errors import InputError
from ..images.boxes import Box, nonzero_box, part_of
from ..images.common_grid import check_same_grid, laid_onto
from ..images.coverage import coverage_of
from ..images.files import read_ct, write_image, write_label_map
from ..images.geometry import Image
from ..results import ScoredCase
from .case_inputs import CohortInput
from .case_results import cta_of, read_scored
from .checksums import content_of
from .inputs import read_input


@dataclass(frozen=True)
class TakenCase:
    """A case that was written.

    Attributes
    ----------
    name : str
        Its name.
    segments : tuple of str
        What was edited by hand.
    cropped : bool
        It is the part in which calcification was looked for, not the whole CTA.
    """

    name: str
    segments: tuple[str, ...]
    cropped: bool


def edited_results(results: Path) -> Iterator[Path]:
    """Find the folders of the cases that were edited by hand.

    Parameters
    ----------
    results : Path
        A cohort's folder, or a case's.

    Yields
    ------
    Path
        In the order of their names.

    Raises
    ------
    InputError
        There are no results, or those of a case cannot be read.
    """
    if not results.is_dir():
        raise InputError(f"{results}: no such folder, give the folder with the results")
    own = [results] if (results / files.SCORES).is_file() else sorted(results.iterdir())
    found = [folder for folder in own if (folder / files.SCORES).is_file()]
    if not found:
        raise InputError(f"{results}: there are no results in it, give the folder that analyze or batch wrote")
    yield from (folder for folder in found if read_scored(folder).result.edited_segments)


def take_case(folder: Path, output: Path, sources: Mapping[str, CohortInput]) -> TakenCase:
    """Write a corrected case as a case to train on.

    Parameters
    ----------
    folder : Path
        Its results.
    output : Path
        Gets a folder with CTA, full-length territories and calcification.
    sources : mapping of str to CohortInput
        Where the CTAs are, by the name of the case; a ``cta`` beside the results will do.

    Returns
    -------
    TakenCase
        What was written.

    Raises
    ------
    InputError
        The CTA is not there, or is not the one that was analyzed; or another case of this name is in `output`.
    CalcScoreError
        A file could not be written.

    Notes
    -----
    Where the networks looked for calcification around the trimmed arteries only, the case is cut to that part: what was
    not looked at must not be learned as free of it. Artery in the calcification map is what the territories are.
    """
    scored = read_scored(folder)
    name = files.real_path(folder).name
    cta = _cta(folder, name, scored, sources)
    check_same_grid(cta, scored.territories, f"{name}: the CTA", "the results")
    _check_other(output, name, cta)
    box = _looked_at(scored)
    territories = scored.territories.array[box]
    calcified = scored.calcification.array[box] == CalcificationLabel.CALCIFICATION
    labels = np.where(territories > 0, CalcificationLabel.ARTERY, 0).astype(np.uint8)
    labels[calcified] = CalcificationLabel.CALCIFICATION
    grid = part_of(cta.geometry, box)
    with atomic_folder(output / name) as part:
        write_image(part / files.CTA, Image(cta.array[box], grid))
        write_label_map(part / files.TERRITORIES, Image(territories, grid), Territory)
        write_label_map(part / files.CALCIFICATION, Image(labels, grid), CalcificationLabel)
    return TakenCase(name, scored.result.edited_segments, grid.size != cta.geometry.size)


def _cta(folder: Path, name: str, scored: ScoredCase, sources: Mapping[str, CohortInput]) -> Image:
    """Read the CTA that was analyzed."""
    source = sources.get(name)
    if source is None:
        try:
            source = CohortInput(name, cta_of(folder, folder), "beside the results")
        except InputError:
            told = f"the source has no case {name}" if sources else "no CTA lies beside the results"
            raise InputError(f"{name}: {told}, give the source of the batch with --source") from None
    expected = scored.result.provenance.get("inputs", {}).get("cta", {}).get("sha256")
    if expected and content_of(source.files).sha256 != expected:
        raise InputError(f"{name}: the CTA is not the one that was analyzed (other SHA-256), find that one")
    return read_input(source)


def _check_other(output: Path, name: str, cta: Image) -> None:
    """Refuse to replace a case of the same name with another CTA, such as one of another cohort; raises InputError."""
    there = output / name / files.CTA
    if not there.exists():
        return
    other = read_ct(there)
    # It may be a part of the CTA: what calcification was looked for in.
    inside = laid_onto(np.ones(other.array.shape, bool), other.geometry, cta.geometry)
    values = laid_onto(other.array, other.geometry, cta.geometry)
    if inside is None or values is None or not inside.any() or (values != cta.array)[inside].any():
        raise InputError(f"{name}: in {output} is a case of this name with another CTA, choose another folder")


def _looked_at(scored: ScoredCase) -> Box:
    """Give the box in which calcification was looked for; all where it was looked for everywhere."""
    coverage = coverage_of(scored.result.provenance)
    whole = tuple(slice(0, n) for n in scored.territories.array.shape)
    box = None if coverage is None else nonzero_box(coverage.mask())
    return box or (whole[0], whole[1], whole[2])
