"""``calcscore phantom``: synthetic CTA with exact ground truth."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import InputError
from .outcome import Outcome, make_folder

if TYPE_CHECKING:
    from ..phantom import Phantom
    from ..synthesis import SyntheticCase

_NAME = "case_{}"
_Case = TypeVar("_Case", "Phantom", "SyntheticCase")


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "phantom",
        help="make synthetic CTA with exact ground truth",
        description="Make case folders with a synthetic CTA, both label maps and the true scores.",
    )
    add_case_options(parser)
    return parser


def add_case_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which synthetic cases are made, on what grid, and where they go."""
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the case folders")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the first case (default 0)")
    parser.add_argument("--cases", type=int, default=1, metavar="N", help="number of cases, one seed each (default 1)")
    parser.add_argument(
        "--spacing", type=float, nargs=3, default=(1.0, 1.0, 1.0), metavar=("X", "Y", "Z"), help="mm (default 1 1 1)"
    )


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    from ..phantom import PhantomParameters, make_phantom

    spacing = PhantomParameters(options.seed, tuple(options.spacing)).spacing
    return write_cases(options, "phantom", lambda seed: make_phantom(PhantomParameters(seed, spacing)), _line)


def _line(phantom: Phantom, combined: dict[str, Any]) -> str:
    """Tell of a phantom."""
    return (
        f"burden {100 * combined['burden']:.1f} %, {combined['cluster_count']} clusters, "
        f"lumen {phantom.details['lumen_hu']:.0f} HU, aorta {phantom.details['aorta_shape']}"
    )


def write_cases(
    options: argparse.Namespace, kind: str, make: Callable[[int], _Case], tell: Callable[[_Case, dict[str, Any]], str]
) -> Outcome:
    """Make the cases that the options ask for, one a seed; `tell` says a few words of each and its combined row."""
    from tqdm import tqdm

    from ..report.case_folder import check_synthetic

    if options.cases < 1:
        raise InputError(f"--cases: {options.cases} cases cannot be made, give 1 or more")
    seeds = range(options.seed, options.seed + options.cases)
    for folder in sorted(options.output.glob(_NAME.format("*"))):
        number = folder.name.removeprefix(_NAME.format(""))
        if number.isdecimal() and int(number) in seeds:
            check_synthetic(folder)
    make_folder(options.output)
    cases, lines = [], []
    for seed in tqdm(seeds, unit="case", disable=not sys.stderr.isatty()):
        case, folder = make(seed), options.output / _NAME.format(seed)
        truth = write_case(folder, case, kind)["territories"]
        cases.append({"case": folder.name, "folder": str(folder), "truth": truth})
        lines.append(f"{folder}: {tell(case, truth['combined'])}")
    return Outcome(lines, {"cases": cases})


def write_case(folder: Path, phantom: Phantom | SyntheticCase, kind: str) -> dict[str, Any]:
    """Write a synthetic case as a folder, which appears whole or not at all; give its true scores.

    `kind` names the part of ``truth.json`` that tells what was drawn.
    """
    from .. import case_files as files
    from ..atomic import atomic_folder, write_json
    from ..pipeline import CaseParameters, score_masks
    from ..report.case_folder import write_phantom

    truth = score_masks(
        folder.name, phantom.territories, phantom.calcification, CaseParameters(calcification="truth"), cta=phantom.cta
    ).result.to_dict()
    with atomic_folder(folder) as part:
        write_phantom(part, phantom)
        write_json(part / files.TRUTH, {**truth, kind: phantom.details})
    return truth
