"""``calcscore evaluate``: accuracy and agreement with a reference, tables and figures."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..case_files import real_path
from ..errors import InputError
from ..inference.remaining_time import duration
from .outcome import Outcome, add_shortening_options, make_place, shortening_parameters
from .progress import stage

if TYPE_CHECKING:
    from ..evaluation import FixedThreshold, Matching, Study, StudyParameters


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "evaluate",
        help="compare predictions with a reference: tables and figures",
        description="Measure accuracy and agreement of predictions, and of thresholds on the CTA, against a reference. "
        "Cases are folders of the same name on all sides.",
    )
    parser.add_argument("--reference", type=Path, required=True, metavar="DIR", help="cases taken for the truth")
    parser.add_argument(
        "--prediction",
        action="append",
        required=True,
        metavar="[NAME=]DIR",
        help="the same cases as predicted; give it again to compare several (the first is called network)",
    )
    parser.add_argument("--cta", type=Path, metavar="DIR", help="the cases' CTAs, to compare with thresholds")
    parser.add_argument(
        "--threshold-train", type=Path, metavar="DIR", help="find the fixed threshold on these cases (default 470 HU)"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the results")
    add_shortening_options(parser)
    return parser


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    from ..evaluation import StudyParameters, check_packages, match_cases

    check_packages()
    if options.threshold_train and not options.cta:
        raise InputError("--threshold-train needs --cta, the images to apply the threshold to")
    lengths = shortening_parameters(options)
    predictions = parse_predictions(options.prediction)
    _check_sides(options, predictions)
    stage("matching")
    matching = match_cases(options.reference, predictions, options.cta)
    make_place(options.output)
    fixed = fixed_threshold(options.threshold_train) if options.threshold_train else None
    parameters = StudyParameters(lengths, fixed.hu, threshold_source(fixed)) if fixed else StudyParameters(lengths)
    return finish(options.output, matching, parameters, fixed)


def _check_sides(options: argparse.Namespace, predictions: Mapping[str, Path]) -> None:
    """Refuse results among the cases; raises InputError."""
    sides = (options.reference, *predictions.values(), options.cta, options.threshold_train)
    if real_path(options.output) in {real_path(side) for side in sides if side is not None}:
        # A cohort's tables have the names of a study's.
        raise InputError(f"{options.output}: the cases are in this folder, choose another one for the results")


def parse_predictions(given: list[str]) -> dict[str, Path]:
    """Read ``NAME=DIR`` or ``DIR``: the first is called network, the others by their folders.

    Raises
    ------
    InputError
        Two have the same name, or a name is that of another method.
    """
    from ..evaluation import NETWORK, THRESHOLDS

    predictions: dict[str, Path] = {}
    for text in given:
        name, _, folder = text.partition("=")
        if not folder or Path(text).is_dir():
            name, folder = (real_path(Path(text)).name if predictions else NETWORK), text
        if name in predictions or name in (*THRESHOLDS, "reference", ""):
            raise InputError(f"--prediction: the name {name!r} is taken, give another one as NAME={folder}")
        predictions[name] = Path(folder)
    return predictions


def fixed_threshold(folder: Path) -> FixedThreshold:
    """Find the fixed threshold on a training set."""
    from ..evaluation import find_fixed_threshold

    return find_fixed_threshold(folder, counter("finding the fixed threshold, case"))


def threshold_source(fixed: FixedThreshold) -> str:
    """Say where a fixed threshold comes from."""
    return f"the mean of the ideal thresholds of {len(fixed.ideal)} training cases"


def counter(what: str) -> Callable[[int, int, float | None], None]:
    """Make a listener that counts cases on a terminal, with the time left."""

    def tell(done: int, total: int, left: float | None) -> None:
        stage(f"{what} {min(done + 1, total)} of {total}{'' if left is None else f' · {duration(left)} left'}")

    return tell


def finish(output: Path, matching: Matching, parameters: StudyParameters, fixed: FixedThreshold | None) -> Outcome:
    """Measure, write and tell."""
    from ..evaluation import agreeing_by_definition, run_study, write_study

    study = run_study(matching, parameters, counter("measuring case"))
    stage("drawing and writing")
    write_study(output, study)
    warnings = [*agreeing_by_definition(matching)]
    warnings += [f"{name}: left out, {reason}" for name, reason in matching.unmatched.items()]
    warnings += [f"{name}: failed, {reason}" for name, reason in study.failed.items()]
    if fixed:
        warnings += [f"{name}: left out of the fixed threshold, {reason}" for name, reason in fixed.left_out.items()]
    warnings += [f"{o.case}: {warning}" for o in study.outcomes for warning in o.warnings]
    return Outcome(_lines(output, study), _data(output, study, fixed, warnings), warnings)


def _lines(output: Path, study: Study) -> list[str]:
    """Tell each case and each method in a line."""
    from ..evaluation.measure import CALCIFICATION
    from ..evaluation.tables import methods_of

    methods = methods_of(study.cases)
    chosen = study.cases[(study.cases["measure"] == "dice") & (study.cases["structure"] == CALCIFICATION)]
    dice = chosen.pivot(index="case", columns="method", values="value").reindex(columns=methods)
    lines = []
    for case, row in dice.iterrows():
        told = ", ".join(f"{method} {_number(row[method], '.3f')}" for method in methods)
        lines.append(f"{case}: calcification Dice {told}")
    burden = study.agreement[(study.agreement["figure"] == "burden") & (study.agreement["territory"] == "combined")]
    for _, row in burden.iterrows():
        mean = _number(dice[row["method"]].mean(), ".3f")
        told = (
            f"burden r {_number(row['pearson_r'], '.3f')}, bias {_number(100 * row['bias'], '+.2f')} percentage points"
        )
        lines.append(f"{row['method']}: calcification Dice {mean}, combined {told} (n {row['n']})")
    return [*lines, f"The results are in {output}: study.html, tables and figures."]


def _number(value: float, form: str) -> str:
    """Write a figure; an en dash for one that is not defined."""
    return "–" if math.isnan(value) else format(value, form)


def _data(output: Path, study: Study, fixed: FixedThreshold | None, warnings: list[str]) -> dict[str, Any]:
    """Give all tables but the long one, for a program."""
    tables = {"table2": study.accuracy, "table3": study.agreement, "tests": study.tests}
    return {
        "output": str(output),
        "cases": [case.name for case in study.done],
        "failed": study.failed,
        "unmatched": study.matching.unmatched,
        "fixed_threshold_hu": study.parameters.fixed_hu,
        "fixed_threshold_training": dict(fixed.ideal) if fixed else None,
        **{
            name: [
                {key: None if value != value else value for key, value in row.items()}
                for row in table.to_dict("records")
            ]
            for name, table in tables.items()
        },
        "warnings": warnings,
    }
