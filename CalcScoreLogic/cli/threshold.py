"""``calcscore threshold``: calcification by an intensity threshold."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import naming
from .outcome import Outcome, check_outputs
from .progress import stage


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "threshold",
        help="mark calcification by an intensity threshold inside the arteries",
        description="Mark voxels inside the arteries as calcification when HU >= threshold.",
    )
    parser.add_argument("cta", type=Path, metavar="CTA", help="CT angiography: a file or a DICOM folder")
    parser.add_argument("--arteries", type=Path, required=True, metavar="T", help="territory map or artery mask")
    parser.add_argument(
        "--method",
        choices=("adaptive", "fixed", "otsu", "percentile", "ideal"),
        default="adaptive",
        help="adaptive: the lumen's median plus four robust SD (default)",
    )
    parser.add_argument("--value", type=float, metavar="V", help="HU for fixed (default 470), percent for percentile")
    parser.add_argument("--reference", type=Path, metavar="C", help="reference calcification map, for ideal")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="calcification map to write")
    return parser


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    import numpy as np

    from ..anatomy import CalcificationLabel
    from ..images.common_grid import aligned
    from ..images.files import read_calcification, read_ct, read_territories, write_label_map
    from ..quality.belonging import belonging_warnings
    from ..quality.ct import value_warnings
    from ..quality.labels import metal_warnings
    from ..quality.thresholds import adaptive_warnings
    from ..thresholding import ThresholdMethod, check_arguments, threshold

    method = ThresholdMethod(options.method)
    check_arguments(method, options.value, options.reference is not None)
    check_outputs([options.output], [options.cta, options.arteries, options.reference])
    stage("reading")
    cta = read_ct(options.cta)
    arteries = read_territories(options.arteries, cta.geometry)
    reference = read_calcification(options.reference, cta.geometry) if options.reference else None
    arteries = aligned(cta, arteries, str(options.cta), str(options.arteries))
    if reference is not None:
        reference = aligned(cta, reference, str(options.cta), str(options.reference))
    stage("thresholding")
    with naming(options.arteries):
        result = threshold(cta, arteries, method, options.value, reference)
    write_label_map(options.output, result.calcification, CalcificationLabel)
    calcified = int(np.count_nonzero(result.calcification.array == CalcificationLabel.CALCIFICATION))
    volume = calcified * cta.geometry.voxel_volume_mm3
    told = (*belonging_warnings(cta, arteries, result.calcification), *metal_warnings(cta, arteries))
    warnings = [*value_warnings(cta), *adaptive_warnings(result.adaptive), *told]
    line = f"{options.output}: {volume:.0f} mm³ at or above {result.threshold_hu:.4g} HU ({method.value})"
    if result.dice is not None:
        line += f", Dice {result.dice:.3f}"
    data = {
        "output": str(options.output),
        "method": method.value,
        **result.to_dict(),
        "calcified_volume_mm3": volume,
        "dice": result.dice,
        "warnings": warnings,
    }
    return Outcome([line], data, warnings)
