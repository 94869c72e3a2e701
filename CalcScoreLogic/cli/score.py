"""``calcscore score``: scores from masks."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..case_files import image_suffix, real_path
from ..errors import InputError
from ..wording import counted
from .outcome import Outcome, add_shortening_options, check_outputs, shortening_parameters
from .progress import stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..anatomy import Territory
    from ..pipeline import CaseParameters
    from ..results import CaseResult


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "score",
        help="score a territory map and a calcification map",
        description="Shorten a territory map and measure burden, clusters and mean cluster size in it.",
    )
    parser.add_argument("--territories", type=Path, required=True, metavar="T", help="territory map")
    parser.add_argument("--calcification", type=Path, required=True, metavar="C", help="calcification map")
    parser.add_argument("--cta", type=Path, metavar="CTA", help="CTA, for the intensities of the clusters")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="JSON", help="scores.json to write")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write the table")
    parser.add_argument("--weights", metavar="TERRITORY=W,…", help="also give a composite score with these weights")
    parser.add_argument("--no-shorten", action="store_true", help="score the territory map as it is")
    add_shortening_options(parser)
    return parser


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    from concurrent.futures import ThreadPoolExecutor

    from ..case_files import case_name
    from ..images.common_grid import aligned
    from ..images.files import read_calcification, read_ct, read_territories
    from ..images.segment_files import is_segment_file
    from ..pipeline import score_masks

    inputs = {"territories": options.territories, "calcification": options.calcification, "cta": options.cta}
    inputs = {role: path for role, path in inputs.items() if path is not None}
    check_outputs([options.output, options.csv], inputs.values())
    if options.no_shorten and (options.length, options.margin, options.method) != (None, None, None):
        raise InputError("--no-shorten takes no --length, --margin or --method")
    if real_path(options.territories) == real_path(options.calcification) and not _holds_both(options.territories):
        raise InputError(f"{options.territories}: this one label map is given for both, give the other one too")
    parameters = case_parameters(options)
    if options.no_shorten:
        parameters = replace(parameters, shortening=None)
    stage("reading")
    # SimpleITK reads outside Python's lock, so two threads take half the time.
    cta = read_ct(options.cta) if options.cta else None
    grid = cta.geometry if cta is not None else None
    if grid is None and is_segment_file(options.calcification):
        territories = read_territories(options.territories, trimmed=options.no_shorten)
        calcification = read_calcification(options.calcification, territories.geometry)
    else:
        with ThreadPoolExecutor() as threads:
            reading = threads.submit(read_calcification, options.calcification, grid)
            territories = read_territories(options.territories, grid, trimmed=options.no_shorten)
            calcification = reading.result()
    calcification = aligned(territories, calcification, str(options.territories), str(options.calcification))
    if cta is not None:
        cta = aligned(territories, cta, str(options.territories), str(options.cta))
    stage("shortening and scoring")
    name = case_name(options.territories)
    result = score_masks(name, territories, calcification, parameters, cta=cta, inputs=inputs).result
    result.write_json(options.output)
    if options.csv:
        result.write_csv(options.csv)
    return Outcome([summary(result)], result.to_dict(), list(result.warnings))


def _holds_both(path: Path) -> bool:
    """Tell whether a file can hold arteries and calcification: a segmentation of 3D Slicer or DICOM."""
    return image_suffix(path) in (None, ".seg.nrrd")


def case_parameters(options: argparse.Namespace) -> CaseParameters:
    """Read what is done to a case: lengths and weights; raises InputError."""
    from ..pipeline import CaseParameters

    weights = parse_weights(options.weights) if options.weights else None
    return CaseParameters(shortening_parameters(options), weights=weights)


def parse_weights(text: str) -> Mapping[Territory, float]:
    """Read weights such as ``aorta=0.5,iliac=0.5``.

    Raises
    ------
    InputError
        A pair that cannot be read, an unknown territory, or one given twice.
    """
    from ..anatomy import Territory

    weights: dict[Territory, float] = {}
    for pair in text.split(","):
        key, _, number = (part.strip() for part in pair.partition("="))
        try:
            territory, weight = Territory[key.upper()], float(number)
        except (KeyError, ValueError):
            raise InputError(f"--weights: {pair.strip()!r} is not TERRITORY=NUMBER") from None
        if territory in weights:
            raise InputError(f"--weights: {key} is given twice")
        weights[territory] = weight
    return weights


def summary(result: CaseResult) -> str:
    """Tell a case in one line."""
    parts = []
    for name, row in result.scores.territories.items():
        status = "" if row.status.value == "ok" else f" ({row.status.value.replace('_', ' ')})"
        burden = "no artery" if row.burden is None else f"{100 * row.burden:.1f} %"
        parts.append(f"{name} {burden}{status}")
    combined = result.scores.territories["combined"]
    clusters = counted(combined.cluster_count, "cluster")
    return f"{result.case}: burden {', '.join(parts)}; {combined.calcified_volume_mm3:.0f} mm³ in {clusters}"
