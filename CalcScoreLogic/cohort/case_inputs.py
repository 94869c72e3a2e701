"""What a case of a cohort is made of, and its name."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..case_files import CTA_STEM, files_of, image_suffix, without_ending
from ..quality.codes import CodedWarning

_LONGEST_NAME = 80
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class CohortInput:
    """One case of a cohort.

    Attributes
    ----------
    name : str
        Name of the case, fit for a folder and unique in the cohort, whatever its case.
    path : Path or tuple of Path
        A file or folder that `images.files.read_ct` reads, or the files of one DICOM series.
    reason : str
        Why this is a CTA of the cohort, for the reader.
    warnings : tuple of CodedWarning
        What the DICOM headers give away and the image does not; they belong to the result's.
    arteries : Path or None
        Label map or folder of masks with its arteries; None where the networks find them.
    artery_files : tuple of Path
        Files that are read of it.
    problem : str
        Why this case cannot be run; empty where it can.
    """

    name: str
    path: Path | tuple[Path, ...]
    reason: str
    warnings: tuple[CodedWarning, ...] = ()
    arteries: Path | None = None
    artery_files: tuple[Path, ...] = ()
    problem: str = ""

    @property
    def is_dicom(self) -> bool:
        """Whether it is a DICOM series."""
        return isinstance(self.path, tuple) or self.path.is_dir()

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that hold the image, sorted; those of a folder that are there now."""
        return self.path if isinstance(self.path, tuple) else files_of(self.path)

    @property
    def all_files(self) -> tuple[Path, ...]:
        """Files whose content decides the result: of the image, and of the arteries."""
        return (*self.files, *self.artery_files)


@dataclass(frozen=True)
class LeftOut:
    """Something that was found and is no case.

    Attributes
    ----------
    what : str
        The file or series, without a patient's name or number.
    reason : str
        Why it was left out.
    paths : tuple of Path
        Its files, for programs; their names can be the patient's.
    """

    what: str
    reason: str
    paths: tuple[Path, ...] = field(default=(), repr=False)

    @property
    def files(self) -> int:
        """How many files it is."""
        return len(self.paths)


@dataclass(frozen=True)
class Inputs:
    """What was found in a source.

    Attributes
    ----------
    cases : tuple of CohortInput
        In the order of their names, or of the list.
    left_out : tuple of LeftOut
        What is no case, each with its reason.
    files : int or None
        Number of files in the folder that was searched: those of the cases and those left out; None for a list.
    """

    cases: tuple[CohortInput, ...]
    left_out: tuple[LeftOut, ...] = ()
    files: int | None = None


@dataclass(frozen=True)
class Named:
    """A case before its name is made unique: a short name, and a longer one where short ones meet."""

    short: str
    long: str
    path: Path | tuple[Path, ...]
    reason: str
    warnings: tuple[CodedWarning, ...] = ()


def unique(found: Iterable[Named]) -> list[CohortInput]:
    """Name cases: by the short name, by the long one where short ones meet, with a number where those meet.

    Parameters
    ----------
    found : iterable of Named
        The cases.

    Returns
    -------
    list of CohortInput
        In the order of their names.
    """
    rows = sorted(found, key=lambda row: (row.long, str(row.path)))
    count = Counter(folder_name(row.short).casefold() for row in rows)
    cases: list[CohortInput] = []
    taken: set[str] = set()
    for row in rows:
        single = count[folder_name(row.short).casefold()] == 1
        name = free = folder_name(row.short if single or isinstance(row.path, tuple) else row.long)
        number = 1
        while free.casefold() in taken:
            number += 1
            free = f"{name}_{number}"
        taken.add(free.casefold())
        cases.append(CohortInput(free, row.path, row.reason, row.warnings))
    return sorted(cases, key=lambda case: case.name)


def own_cta(folder: Path) -> Path | None:
    """Find the ``cta`` in a folder, an image file with any ending; None where there is none."""
    found = (path for path in sorted(folder.iterdir()) if image_suffix(path) and without_ending(path) == CTA_STEM)
    return next(found, None)


def folder_name(text: str) -> str:
    """Turn a name into one that every file system takes."""
    # A Mac stores letters and their accents apart, and no file system of Windows has the names of devices.
    name = re.sub(r"[^\w.+-]+", "_", unicodedata.normalize("NFC", text)).strip("._ ")[:_LONGEST_NAME]
    return f"{name}_" if _DEVICE.fullmatch(name) else name or "case"
