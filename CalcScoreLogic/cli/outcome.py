"""What a command hands back to be printed, and the checks that all commands share."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..case_files import real_path
from ..errors import CalcScoreError, InputError

if TYPE_CHECKING:
    from ..shortening import ShorteningParameters


@dataclass(frozen=True)
class Outcome:
    """What a command did.

    Attributes
    ----------
    lines : list of str
        For a reader, one line a case.
    data : dict
        For a program (``--json``).
    warnings : sequence of str
        What a reader should know; also in `data`.
    failed : bool
        A part of it failed, which the exit code tells.
    """

    lines: list[str]
    data: dict[str, Any]
    warnings: Sequence[str] = ()
    failed: bool = False


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None]) -> None:
    """Refuse, before any work, outputs that cannot be written or would overwrite an input.

    Raises
    ------
    InputError
        A missing folder, a folder in the place of a file, an input's own path, the same path twice.
    """
    sources = {real_path(path) for path in inputs if path is not None}
    seen: set[Path] = set()
    for output in outputs:
        if output is None:
            continue
        target = real_path(output)
        if target in sources:
            raise InputError(f"{output}: the output would overwrite an input, choose another name")
        if target in seen:
            raise InputError(f"{output}: two outputs have the same name, choose another for one of them")
        if target.is_dir():
            raise InputError(f"{output}: this is a folder, give the name of a file")
        if not target.parent.is_dir():
            raise InputError(f"{output}: the folder {output.parent} does not exist, make it first")
        seen.add(target)


def make_folder(folder: Path) -> None:
    """Make an output folder where there is none.

    Raises
    ------
    InputError
        A file has its name, or that of a folder around it.
    CalcScoreError
        The system could not make it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(f"{folder}: the folder cannot be made ({error.strerror}), choose another one") from None
    except OSError as error:
        raise CalcScoreError(f"{folder}: the folder cannot be made ({error.strerror}), choose another one") from None


def make_place(folder: Path) -> None:
    """Make the folder around one that will be written as a whole, before any work.

    Raises
    ------
    InputError
        A file has its name, or as `make_folder`.
    CalcScoreError
        As `make_folder`.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: this is a file, give the name of a folder")
    make_folder(folder.parent)


def add_shortening_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--length``, ``--margin`` and ``--method``."""
    parser.add_argument("--length", type=float, metavar="MM", help="branch length kept, 5 to 100 mm (default 25)")
    parser.add_argument("--margin", type=float, metavar="MM", help="aorta kept above the highest branch (default 10)")
    parser.add_argument(
        "--method",
        choices=("paper", "geodesic"),
        help="paper: 6-neighbour steps (default); geodesic: Euclidean length along the vessel",
    )


def add_dicom_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--dicom``."""
    parser.add_argument(
        "--dicom",
        action="store_true",
        help="also write segmentation.dcm and scores.dcm for an archive; they name the patient as the CTA's files do",
    )


def shortening_parameters(options: argparse.Namespace) -> ShorteningParameters:
    """Read what `add_shortening_options` added; options not given take the paper's values."""
    from ..shortening import ShorteningParameters

    given = {"length_mm": options.length, "margin_mm": options.margin, "method": options.method}
    return ShorteningParameters(**{name: value for name, value in given.items() if value is not None})
