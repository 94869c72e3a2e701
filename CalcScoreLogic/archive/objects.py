"""Both DICOM objects of a case, written into a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import case_files as files
from ..atomic import atomic_path
from ..images.highdicom_bridge import plain_errors, require_highdicom
from ..results import ScoredCase
from .source import read_source


@dataclass(frozen=True)
class DicomOrder:
    """That DICOM objects are wanted, and what they are made for.

    Attributes
    ----------
    files : tuple of Path
        Files of the CTA's series.
    name : str
        What messages call the CTA.
    observer : str, optional
        Name of the person who edited the segments, where it is to be told.
    """

    files: tuple[Path, ...]
    name: str
    observer: str | None = None


def write_objects(
    folder: Path, scored: ScoredCase, order: DicomOrder, tell: Callable[[str], None] | None = None
) -> None:
    """Write ``segmentation.dcm`` and ``scores.dcm``.

    Parameters
    ----------
    folder : Path
        Where they go.
    scored : ScoredCase
        Scores and label maps on the CTA's grid.
    order : DicomOrder
        The CTA's files.
    tell : callable, optional
        Told in a few words what is being done.

    Raises
    ------
    InputError
        highdicom is not installed, the files do not hold the CTA, or their headers cannot be taken over.
    CalcScoreError
        A file could not be written.
    """
    from .segmentation import make_segmentation
    from .structured_report import make_report

    say: Callable[[str], Any] = tell or (lambda text: None)
    require_highdicom()
    problem = "the DICOM objects cannot be made, a header of the CTA holds what the standard does not allow"
    with plain_errors(f"{order.name}: {problem}; leave out --dicom"):
        say("reading the DICOM headers")
        source = read_source(order.files, scored.shortened.geometry, order.name)
        segmentation = make_segmentation(
            source, scored, lambda share: say(f"making the DICOM segmentation, {100 * share:.0f} %")
        )
        say("making the DICOM report")
        report = make_report(source, segmentation, scored.result, order.observer)
        say("writing the DICOM objects")
        for name, dataset in zip(files.DICOM_OBJECTS, (segmentation.dataset, report), strict=True):
            with atomic_path(folder / name) as temporary:
                dataset.save_as(temporary, enforce_file_format=True)
