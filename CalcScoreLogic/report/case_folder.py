"""A case's folder of files: what every program that analyzes or makes a case writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .. import case_files as files
from ..anatomy import CalcificationLabel, Territory
from ..archive.objects import write_objects
from ..atomic import atomic_folder, finish_folder
from ..errors import InputError
from ..images.coverage import coverage_of
from ..images.files import write_image, write_label_map
from ..results import read_scores
from .case_page import write_report
from .overview import overview_png
from .projections import projections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..archive.objects import DicomOrder
    from ..images.geometry import Image
    from ..phantom import Phantom
    from ..results import ScoredCase
    from ..synthesis import SyntheticCase

_CAN_BE_BROUGHT = (files.TERRITORIES, files.SHORTENED, files.CALCIFICATION, *files.DICOM_OBJECTS)
_WRITTEN = (*files.RESULTS, files.OVERVIEW, *files.DICOM_OBJECTS)

SEARCHED_NOTE = "Calcification was looked for around the trimmed arteries only, not elsewhere."
"""Header of a calcification map; ``coverage`` of ``scores.json`` says where exactly."""


def check_place(folder: Path, inputs: Iterable[Path], is_ours: bool = False) -> None:
    """Refuse, before any work, a folder of results in which something would be lost.

    Parameters
    ----------
    folder : Path
        What `write_case` will be given; it need not exist.
    inputs : iterable of Path
        Files that are read.
    is_ours : bool
        Whether an analysis is known to have written there, so that what is left of its results may go.

    Raises
    ------
    InputError
        An input has the name of a result, a file there is no result of an analysis, or the results there were
        edited by hand or cannot be read, so that nobody knows.
    CalcScoreError
        See `finish_folder`.
    """
    finish_folder(folder)
    places = {files.real_path(folder / name) for name in _WRITTEN}
    for path in inputs:
        if files.real_path(path) in places:
            raise InputError(f"{path}: the output would overwrite an input, choose another folder for the results")
    brought = [name for name in _CAN_BE_BROUGHT if (folder / name).is_file()]
    if brought and not (is_ours or files.has_results(folder)):
        raise InputError(
            f"{folder}: {brought[0]} in it is no result of an analysis and would be overwritten, choose another folder"
        )
    if not (folder / files.SCORES).is_file():
        return
    try:
        previous = read_scores(folder / files.SCORES)
    except InputError:
        raise InputError(
            f"{folder}: {files.SCORES} in it cannot be read, so that edits by hand may be lost; choose another folder, "
            "or move this one away"
        ) from None
    if previous.edited_segments:
        raise InputError(
            f"{folder}: the results in it were edited by hand and would be lost, choose another folder, or remove "
            "this one"
        )


def write_case(
    folder: Path,
    cta: Image,
    scored: ScoredCase,
    dicom: DicomOrder | None = None,
    tell: Callable[[str], None] | None = None,
) -> None:
    """Write the results of an analysis; the files appear together or not at all.

    Parameters
    ----------
    folder : Path
        Gets label maps, scores, picture and report.
    cta : Image
        HU, for the pictures.
    scored : ScoredCase
        Scores and label maps on the CTA's grid.
    dicom : DicomOrder, optional
        What DICOM objects are made for; without it, those of earlier scores go: they would contradict the new ones.
    tell : callable, optional
        Told in a few words what is being done with the DICOM objects.

    Raises
    ------
    InputError
        The DICOM objects cannot be made.
    CalcScoreError
        A file could not be written.
    """
    with atomic_folder(folder) as part:
        write_label_map(part / files.TERRITORIES, scored.territories, Territory)
        write_label_map(part / files.SHORTENED, scored.shortened, Territory)
        note = None if coverage_of(scored.result.provenance) is None else SEARCHED_NOTE
        write_label_map(part / files.CALCIFICATION, scored.calcification, CalcificationLabel, note)
        scored.result.write_json(part / files.SCORES)
        scored.result.write_csv(part / files.SCORES_TABLE)
        picture = overview_png(cta, scored)
        if picture:
            (part / files.OVERVIEW).write_bytes(picture)
        write_report(part / files.REPORT, scored.result, projections(cta, scored))
        if dicom is not None:
            write_objects(part, scored, dicom, tell)
    if dicom is None:
        drop_dicom(folder)


def drop_dicom(folder: Path) -> None:
    """Take the DICOM objects of earlier scores away: they contradict the new ones.

    Parameters
    ----------
    folder : Path
        A case's folder of results.
    """
    for name in files.DICOM_OBJECTS:
        (folder / name).unlink(missing_ok=True)


def check_synthetic(folder: Path) -> None:
    """Refuse, before any work, to put a synthetic case in the place of another.

    Parameters
    ----------
    folder : Path
        The case's folder; it need not exist.

    Raises
    ------
    InputError
        Images of a case are in it, and no ``truth.json``, which every synthetic case has.
    """
    images = (files.CTA, files.TERRITORIES, files.CALCIFICATION)
    if any((folder / name).exists() for name in images) and not (folder / files.TRUTH).exists():
        raise InputError(f"{folder}: a case that is no synthetic one is in this folder, choose another one with -o")


def write_phantom(part: Path, phantom: Phantom | SyntheticCase) -> None:
    """Write a synthetic case's CTA and true label maps into a folder that is there.

    Parameters
    ----------
    part : Path
        The folder.
    phantom : Phantom or SyntheticCase
        The case.

    Raises
    ------
    CalcScoreError
        A file could not be written.
    """
    write_image(part / files.CTA, phantom.cta)
    write_label_map(part / files.TERRITORIES, phantom.territories, Territory)
    write_label_map(part / files.CALCIFICATION, phantom.calcification, CalcificationLabel)
