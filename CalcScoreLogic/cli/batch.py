"""``calcscore batch``: a whole cohort, and on where it was when it is run again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..wording import counted
from .analyze import add_inference_options, chosen_models, inference_options
from .outcome import Outcome, add_dicom_option, add_shortening_options, make_folder
from .progress import stage
from .score import case_parameters, summary
from .sources import add_source_options, chosen_sources

if TYPE_CHECKING:
    from ..cohort.batch import Summary
    from ..cohort.case_inputs import Inputs
    from ..cohort.state import Record

_MOST_TOLD = 10


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "batch",
        help="score a cohort; run it again to go on",
        description="Score every CTA of a folder tree, a CSV list or a DICOM export as analyze does. Run the same "
        "command again to go on after an interruption, or with further cases.",
    )
    parser.add_argument("source", type=Path, metavar="DIR_OR_LIST", help="folder tree, CSV list or DICOM export")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--retry-failed", action="store_true", help="run cases again that failed before")
    parser.add_argument("--keep-identifiers", action="store_true", help="name DICOM cases by patient ID and date")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="Dask scheduler whose workers run the cases")
    parser.add_argument("--weights", metavar="TERRITORY=W,…", help="also give a composite score with these weights")
    pattern = (
        "where the arteries of each case are: a path from the CTA's folder or from here, with {case} for its name "
    )
    add_source_options(parser, pattern + "and wildcards; a list can have a column arteries instead", "PATTERN")
    add_dicom_option(parser)
    add_shortening_options(parser)
    add_inference_options(parser)
    return parser


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    from ..cohort.arteries import with_arteries
    from ..cohort.batch import run_batch
    from ..cohort.inputs import find_inputs, names_arteries
    from ..cohort.progress import Countdown
    from ..cohort.recipe import Recipe

    parameters = case_parameters(options)
    sources = chosen_sources(options, options.arteries is not None or names_arteries(options.source))
    models = chosen_models(options, sources)
    networks = inference_options(options, models)
    recipe = Recipe(
        tuple(models), parameters, networks, options.python, sources.arteries, sources.calcification, options.dicom
    )
    stage("looking for cases")
    inputs = find_inputs(options.source, options.keep_identifiers, options.output)
    if sources.arteries is not None:
        inputs = with_arteries(inputs, sources.arteries, options.arteries)
    if options.dicom and not any(case.is_dicom for case in inputs.cases):
        raise InputError(f"{options.source}: no CTA came as DICOM, which --dicom needs; leave it out")
    make_folder(options.output)
    done = run_batch(inputs, options.output, recipe, Countdown(stage), options.retry_failed, options.scheduler)
    stage("reading the results")
    return _outcome(done, inputs, options.source, options.output)


def _outcome(done: Summary, inputs: Inputs, source: Path, output: Path) -> Outcome:
    """Tell what became of each case."""
    from ..cohort.state import CohortFolder, State

    failed = [record for record in done.records if record.state is State.FAILED]
    warnings = _warnings(done, inputs, failed)
    reasons = {case.name: case.reason for case in inputs.cases}
    lines = [_line(record, CohortFolder(output)) for record in done.records if record.case in done.ran]
    before = len(done.records) - len(done.ran)
    told = f", {before} of {len(done.records)} had ended before" if before else ""
    lines.append(f"{output}: {len(done.records) - len(failed)} cases done, {len(failed)} failed{told}")
    left_out = sum(left.files for left in inputs.left_out)
    if inputs.files is not None and left_out:
        taken = inputs.files - left_out
        cases = counted(len(inputs.cases), "case")
        lines.append(f"{source}: {inputs.files} files, {taken} in {cases}, {left_out} left out")
    data = {
        "output": str(output),
        "files": {"found": inputs.files, "left_out": left_out},
        "cases": [
            {
                "case": record.case,
                "state": record.state.value,
                "reason": record.reason,
                "seconds": round(record.seconds, 1),
                "input": reasons[record.case],
            }
            for record in done.records
        ],
        "left_out": [{"what": left.what, "reason": left.reason, "files": left.files} for left in inputs.left_out],
        "warnings": warnings,
    }
    return Outcome(lines, data, warnings, failed=bool(failed))


def _line(record: Record, cohort: Any) -> str:
    """Tell a case in one line."""
    if record.reason:
        return f"{record.case}: failed, {record.reason}"
    result = cohort.result(record.case)
    return summary(result) if result else record.case


def _warnings(done: Summary, inputs: Inputs, failed: list[Record]) -> list[str]:
    """Tell what a reader of the tables should know."""
    from ..version import __version__

    told = [f"{left.what} was left out: {left.reason}" for left in inputs.left_out[:_MOST_TOLD]]
    if len(inputs.left_out) > _MOST_TOLD:
        told.append(f"{len(inputs.left_out) - _MOST_TOLD} more were left out, --json lists them")
    again = [record.case for record in failed if record.case not in done.ran]
    if again:
        told.append(f"{_some(again)} failed before and did not run again, --retry-failed runs them")
    told += done.dicom_problems
    if done.kept:
        told.append(
            f"{_some(done.kept)} were edited by hand and stay as they are, although the CTA, the models or the "
            "parameters have changed or are not known any more; remove their folders to analyze them again"
        )
    told += [
        f"{_some(names)} hold the same CTA, so that one patient counts {len(names)} times in the tables; take the "
        "others out of the source, and their folders out of the results"
        for names in done.doubles
    ]
    if done.others:
        told.append(f"{_some(done.others)} are in the folder but not in this source, and stay in the tables")
    other = sorted({record.calcscore for record in done.records} - {__version__})
    if other:
        told.append(f"some cases were scored by CalcScore {', '.join(other)} and not by {__version__}")
    return told


def _some(names: list[str] | tuple[str, ...]) -> str:
    """Name cases, as many as a line takes."""
    more = len(names) - _MOST_TOLD
    return ", ".join(names[:_MOST_TOLD]) + (f" and {more} more" if more > 0 else "")
