"""``calcscore demo``: the whole way on a phantom, with a picture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .analyze import teller
from .models import starter_models
from .outcome import Outcome, make_place
from .progress import stage

if TYPE_CHECKING:
    from ..results import CaseResult

SEED = 28
SPACING_MM = (1.5, 1.5, 1.5)
_LINE = "{:<11} {:>9} {:>7} {:>14} {:>11} {:>9} {:>9}  {}"


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "demo",
        help="try it on a synthetic case",
        description="Make a phantom, label it with the starter ensembles, shorten, score and draw a picture.",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the results")
    return parser


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    from .. import case_files as files
    from ..atomic import write_json
    from ..images.files import write_image
    from ..inference.options import InferenceOptions
    from ..phantom import PhantomParameters, make_phantom
    from ..pipeline import CaseParameters, score_masks
    from ..report.case_folder import check_place, check_synthetic, write_case
    from ..sources import analyze

    models = starter_models()
    make_place(options.output)
    check_synthetic(options.output)
    check_place(options.output, ())
    stage("making a phantom")
    phantom = make_phantom(PhantomParameters(SEED, SPACING_MM))
    truth = CaseParameters(calcification="truth")
    true = score_masks("demo", phantom.territories, phantom.calcification, truth, cta=phantom.cta).result
    # No mirrored copies: a demo should be over in a minute.
    quick = InferenceOptions(mirroring=False)
    scored = analyze("demo", phantom.cta, models, options=quick, on_message=teller())
    stage("writing and drawing")
    write_case(options.output, phantom.cta, scored)
    write_image(options.output / files.CTA, phantom.cta)
    write_json(options.output / files.TRUTH, {**true.to_dict(), "phantom": phantom.details})
    lines = [
        f"A phantom with a lumen of {phantom.details['lumen_hu']:.0f} HU, labelled by the starter ensembles in "
        f"{scored.result.provenance['inference']['seconds']:.0f} s.",
        *table(scored.result, true),
        f"The results are in {options.output}: the picture {files.OVERVIEW}, report.html, scores and label maps.",
        "Research software, not a medical device.",
    ]
    return Outcome(lines, scored.result.to_dict(), list(scored.result.warnings))


def table(result: CaseResult, truth: CaseResult) -> list[str]:
    """Lay out the scores beside the true burden, one line a territory."""
    header = ("Territory", "Burden %", "true %", "Calcified mm³", "Artery cm³", "Clusters", "Mean mm³", "Status")
    lines = [_LINE.format(*header)]
    for name, row in result.scores.territories.items():
        true = truth.scores.territories[name]
        cells = (
            name,
            _number(row.burden, 100, 1),
            _number(true.burden, 100, 1),
            _number(row.calcified_volume_mm3, 1, 0),
            _number(row.artery_volume_mm3, 1e-3, 1),
            str(row.cluster_count),
            _number(row.mean_cluster_volume_mm3, 1, 0),
            row.status.value,
        )
        lines.append(_LINE.format(*cells))
    return lines


def _number(value: float | None, factor: float, digits: int) -> str:
    """Write a figure; an en dash for one that is not defined."""
    return "–" if value is None else f"{value * factor:.{digits}f}"
