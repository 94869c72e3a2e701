"""``calcscore shorten``: standard lengths, alone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .outcome import Outcome, add_shortening_options, check_outputs, shortening_parameters
from .progress import stage


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "shorten",
        help="trim a territory map to the standard lengths",
        description="Trim side branches to 25 mm and the aorta to 10 mm above the highest one.",
    )
    parser.add_argument("territories", type=Path, metavar="TERRITORIES", help="territory map")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="shortened map to write")
    add_shortening_options(parser)
    return parser


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    import numpy as np

    from ..anatomy import Territory
    from ..images.files import read_territories, write_label_map
    from ..shortening import shorten

    parameters = shortening_parameters(options)
    check_outputs([options.output], [options.territories])
    stage("reading")
    territories = read_territories(options.territories)
    stage("shortening")
    shortening = shorten(territories, parameters)
    write_label_map(options.output, shortening.territories, Territory)
    voxel_cm3 = territories.geometry.voxel_volume_mm3 / 1000
    volumes = {
        territory.key: [
            float(np.count_nonzero(image.array == territory) * voxel_cm3)
            for image in (territories, shortening.territories)
        ]
        for territory in Territory
    }
    told = ", ".join(f"{key} {before:.2f} to {after:.2f} cm³" for key, (before, after) in volumes.items())
    data = {
        "output": str(options.output),
        "parameters": {
            "length_mm": parameters.length_mm,
            "aorta_margin_mm": parameters.margin_mm,
            "method": parameters.method.value,
        },
        "volumes_cm3": {key: {"before": before, "after": after} for key, (before, after) in volumes.items()},
        "warnings": list(shortening.warnings),
    }
    return Outcome([f"{options.output}: {told}"], data, list(shortening.warnings))
