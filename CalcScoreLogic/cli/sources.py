"""The options that say where arteries and calcification come from, for ``analyze`` and ``batch``."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from ..images.artery_files import ArteryFormat
    from ..models import Role
    from ..thresholding import ThresholdMethod

NETWORK, ADAPTIVE = "network", "adaptive"


@dataclass(frozen=True)
class ChosenSources:
    """Where arteries and calcification come from.

    Attributes
    ----------
    arteries : ArteryFormat or None
        How the arteries are read; None: the network labels them.
    calcification : ThresholdMethod, float or None
        Adaptive, or a threshold in HU; None: the network labels it.
    """

    arteries: ArteryFormat | None
    calcification: ThresholdMethod | float | None

    @property
    def roles(self) -> tuple[Role, ...]:
        """The networks that are needed."""
        from ..models import Role

        wanted = ((Role.TERRITORIES, self.arteries), (Role.CALCIFICATION, self.calcification))
        return tuple(role for role, source in wanted if source is None)


NETWORKS = ChosenSources(None, None)
"""Both networks."""


def add_source_options(parser: argparse.ArgumentParser, arteries: str, metavar: str) -> None:
    """Add ``--arteries``, ``--preset``, ``--map`` and ``--calcification``."""
    parser.add_argument("--arteries", metavar=metavar, help=arteries)
    parser.add_argument(
        "--preset", choices=("totalsegmentator",), help="how the labels or files of --arteries are named"
    )
    parser.add_argument("--map", metavar="LABEL=TERRITORY,…", help="labels of --arteries, e.g. 52=aorta,65=iliac")
    parser.add_argument(
        "--calcification",
        metavar="network|adaptive|HU",
        help="network; adaptive: a threshold that follows the lumen (default with --arteries); or a threshold in HU",
    )


def chosen_sources(options: argparse.Namespace, with_arteries: bool | None = None) -> ChosenSources:
    """Read what `add_source_options` added.

    Parameters
    ----------
    options : argparse.Namespace
        The command line.
    with_arteries : bool, optional
        Whether the arteries are given; by default where ``--arteries`` is.

    Raises
    ------
    InputError
        Options that do not go together, or a threshold that is no number.
    """
    from ..images.artery_files import ArteryFormat

    given = options.arteries is not None if with_arteries is None else with_arteries
    if not given and (options.preset or options.map):
        raise InputError("--preset and --map say how --arteries are labelled, give the arteries too")
    arteries = ArteryFormat(options.preset, options.map) if given else None
    return ChosenSources(arteries, _calcification(options.calcification or (ADAPTIVE if given else NETWORK)))


def _calcification(text: str) -> ThresholdMethod | float | None:
    from ..thresholding import ThresholdMethod

    if text == NETWORK:
        return None
    if text == ADAPTIVE:
        return ThresholdMethod.ADAPTIVE
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"--calcification: {text!r} is neither network nor adaptive nor a threshold in HU such as 470")
    return value
