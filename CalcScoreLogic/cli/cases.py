"""``calcscore cases``: the corrected cases of a cohort as cases to train on."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..case_files import real_path
from ..errors import InputError
from .outcome import Outcome, make_folder
from .progress import stage

if TYPE_CHECKING:
    from ..cohort.case_inputs import CohortInput

_FEWEST = 5


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "cases",
        help="take corrected cases as training cases",
        description="Take the cases of a cohort that were edited by hand as training cases for calcscore train. What "
        "nobody has corrected is left out.",
    )
    parser.add_argument("results", type=Path, metavar="RESULTS", help="folder that batch or analyze wrote")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="CASES", help="folder for the cases")
    parser.add_argument(
        "--source",
        type=Path,
        metavar="DIR_OR_LIST",
        help="the CTAs, as for batch (default: beside the results)",
    )
    parser.add_argument("--keep-identifiers", action="store_true", help="cases are named as by batch with this option")
    return parser


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    from ..cohort.inputs import find_inputs
    from ..cohort.training_cases import edited_results, take_case

    stage("looking for edited cases")
    folders = list(edited_results(options.results))
    if not folders:
        raise InputError(f"{options.results}: no case in it was edited by hand, correct some and rescore them")
    output = real_path(options.output)
    if output == real_path(options.results):
        raise InputError(f"{options.output}: the results are in this folder, choose another one for the cases")
    sources = {}
    if options.source:
        stage("looking for the CTAs")
        found = find_inputs(options.source, options.keep_identifiers)
        sources = {case.name: case for case in found.cases}
        _check_apart(sources.values(), options.output)
    make_folder(options.output)
    taken, warnings = [], []
    for number, folder in enumerate(folders, start=1):
        stage(f"case {number} of {len(folders)}")
        try:
            taken.append(take_case(folder, options.output, sources))
        except InputError as error:
            warnings.append(f"left out: {error}")
    if not taken:
        raise InputError(f"no case could be taken, e.g. {warnings[0]}")
    cropped = sum(case.cropped for case in taken)
    if cropped:
        warnings.append(
            f"{cropped} of the cases hold the part of the CTA in which calcification was looked for; "
            "analyze with --full to take them whole"
        )
    if len(taken) < _FEWEST:
        warnings.append(f"calcscore train needs {_FEWEST} cases at least, {len(taken)} are there")
    lines = [f"{case.name}: corrected {', '.join(case.segments)}" for case in taken]
    lines.append(f"{options.output}: {len(taken)} cases, train on them with calcscore train {options.output}")
    data = {
        "output": str(options.output),
        "cases": [{"case": c.name, "edited": list(c.segments), "cropped": c.cropped} for c in taken],
        "warnings": warnings,
    }
    return Outcome(lines, data, warnings)


def _check_apart(sources: Iterable[CohortInput], output: Path) -> None:
    """Refuse training cases among the CTAs that they are made of, which may be whole; raises InputError."""
    for case in sources:
        if any(real_path(output / case.name) == real_path(file).parent for file in case.files[:1]):
            told = "choose another one for the training cases"
            raise InputError(f"{output}: the case {case.name} lies in this folder, {told}")
