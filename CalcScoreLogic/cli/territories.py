"""``calcscore territories``: a territory map from another tool's segmentation."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .outcome import Outcome, check_outputs
from .progress import stage

if TYPE_CHECKING:
    from ..images.other_tools import TerritoryMap

_KEYS = ("aorta", "iliac", "mesenteric", "renal")


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "territories",
        help="make a territory map from another tool's segmentation",
        description="Make a territory map from a label map, from TotalSegmentator's output, or from mask files.",
    )
    parser.add_argument(
        "segmentation",
        nargs="?",
        type=Path,
        metavar="SEG_OR_DIR",
        help="label map, folder of mask files, or DICOM segmentation",
    )
    parser.add_argument("--preset", choices=("totalsegmentator",), help="how the labels or files are named")
    parser.add_argument("--map", metavar="LABEL=TERRITORY,…", help="e.g. 52=aorta,65=iliac,66=iliac")
    for key in _KEYS:
        parser.add_argument(
            f"--{key}", type=Path, action="append", default=[], metavar="FILE", help=f"mask file of the {key} territory"
        )
    parser.add_argument("--cta", type=Path, metavar="CTA", help="grid for a DICOM segmentation that leaves slices out")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="territory map to write")
    return parser


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    from ..anatomy import Territory
    from ..images.files import write_label_map

    masks = [(path, Territory[key.upper()]) for key in _KEYS for path in getattr(options, key)]
    given = options.segmentation
    parts = given.iterdir() if given is not None and given.is_dir() else ()
    check_outputs([options.output], [given, *parts, options.cta, *(path for path, _ in masks)])
    stage("reading")
    result = _read(options, masks)
    stage("writing")
    write_label_map(options.output, result.territories, Territory)
    used = [f"{name} ({volume / 1000:.2f} cm³)" for name, volume in result.used.items()]
    data = {
        "output": str(options.output),
        "used": result.used,
        "lacked": [territory.key for territory in result.lacked],
        "warnings": list(result.warnings),
    }
    return Outcome([f"{options.output}: {', '.join(used)}"], data, list(result.warnings))


def _read(options: argparse.Namespace, masks: list[tuple[Path, Any]]) -> TerritoryMap:
    """Read what the options point at."""
    from ..images import other_tools
    from ..images.artery_files import ArteryFormat
    from ..images.files import read_ct, read_mask

    own = options.segmentation is not None and ArteryFormat().knows(options.segmentation)
    ways = [bool(options.preset), bool(options.map), bool(masks)]
    if sum(ways) > 1 or (not any(ways) and not own) or bool(masks) == bool(options.segmentation):
        raise InputError(
            "give a segmentation with --preset or with --map (a DICOM segmentation needs neither), "
            "or mask files with --aorta, --iliac, --mesenteric, --renal"
        )
    grid = read_ct(options.cta).geometry if options.cta else None
    if masks:
        return other_tools.from_masks((path.name, territory, read_mask(path)) for path, territory in masks)
    return ArteryFormat(options.preset, options.map).read_structures(options.segmentation, grid)
