"""``calcscore synthesize``: synthetic CTA from labelled anatomy, with exact truth."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .outcome import Outcome
from .phantom import add_case_options, write_cases

if TYPE_CHECKING:
    from ..synthesis import SyntheticCase


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "synthesize",
        help="make synthetic CTA from labelled anatomy, with exact truth",
        description="Make case folders with a CTA drawn from a patient's labels, both label maps and the true scores.",
    )
    add_case_options(parser)
    parser.add_argument(
        "--anatomy",
        type=Path,
        metavar="FILE",
        help="label map of a patient, e.g. TotalSegmentator's (default: an anatomy of plain solids)",
    )
    return parser


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    from ..synthesis import drawn_anatomy, make_case, read_anatomy

    if options.seed < 0:
        raise InputError(f"--seed: {options.seed} is no seed, give 0 or more")
    anatomy = read_anatomy(options.anatomy) if options.anatomy else drawn_anatomy()
    spacing = tuple(options.spacing)
    return write_cases(options, "synthesis", lambda seed: make_case(anatomy, seed, spacing), _line)


def _line(case: SyntheticCase, combined: dict[str, Any]) -> str:
    """Tell of a case."""
    burden = "no artery" if combined["burden"] is None else f"burden {100 * combined['burden']:.1f} %"
    return f"{burden}, phase {case.details['phase']}, lumen {case.details['lumen_hu']:.0f} HU"
