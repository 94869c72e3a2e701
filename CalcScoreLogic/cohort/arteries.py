"""Where the arteries of each case of a cohort are, when another tool has segmented them."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..case_files import real_path
from ..errors import InputError
from ..images.artery_files import ArteryFormat
from ..images.file_checks import check_exists
from .case_inputs import CohortInput, Inputs

CASE_MARK = "{case}"
"""Stands for the name of the case in a pattern."""


def with_arteries(inputs: Inputs, artery_format: ArteryFormat, pattern: str | None = None) -> Inputs:
    """Find the arteries of each case.

    Parameters
    ----------
    inputs : Inputs
        The cases; those of a list may have their arteries already.
    artery_format : ArteryFormat
        How the arteries are read.
    pattern : str, optional
        Path with `CASE_MARK` and wildcards, from the folder of the case's CTA or from the current one.

    Returns
    -------
    Inputs
        The cases with their arteries, or with the reason why they have none; what is arteries is neither a case nor
        left out.
    """
    cases = [_found(case, artery_format, pattern) for case in inputs.cases]
    taken = {real_path(case.arteries) for case in cases if case.arteries is not None}
    return Inputs(
        tuple(case for case in cases if not _is_among(case.files, taken)),
        tuple(left for left in inputs.left_out if not _is_among(left.paths, taken)),
        inputs.files,
    )


def _found(case: CohortInput, artery_format: ArteryFormat, pattern: str | None) -> CohortInput:
    """Attach its arteries to a case."""
    try:
        for file in case.files[:1]:
            check_exists(file)
        path = case.arteries or _matching(case, pattern)
        return replace(case, arteries=path, artery_files=tuple(artery_format.files(path).values()))
    except InputError as error:
        return replace(case, problem=str(error))


def _matching(case: CohortInput, pattern: str | None) -> Path:
    """Find what a pattern means for a case; raises InputError."""
    if pattern is None:
        raise InputError("the list names no arteries for this case, fill in the column or give --arteries")
    text = pattern.replace(CASE_MARK, glob.escape(case.name))
    # An absolute pattern stays what it is.
    for folder in (case.files[0].parent, Path()) if case.files else (Path(),):
        found = sorted(glob.glob(str(Path(glob.escape(str(folder)), text))))  # noqa: PTH207  Path.glob takes no ..
        if len(found) > 1:
            names = " and ".join(Path(match).name for match in found[:2])
            raise InputError(f"--arteries {pattern}: {names} both match, make the pattern narrower")
        if found:
            return Path(found[0])
    raise InputError(f"--arteries {pattern}: nothing matches for this case, check the pattern or segment the case")


def _is_among(files: Iterable[Path], taken: set[Path]) -> bool:
    """Tell whether the first of some files is arteries, or lies in a folder of them."""
    first = next(iter(files), None)
    if first is None:
        return False
    place = real_path(first)
    return place in taken or any(parent in taken for parent in place.parents)
