"""What the worker says, one JSON object a line on its standard output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..images.geometry import Geometry

CTA_FILE = "cta.nii"
"""The CTA in the run's folder: NIfTI, which every reader of nnU-Net takes, and not compressed."""

ARTERIES_FILE = "arteries.nii"
"""Full-length territory map beside the CTA, where no ensemble labels the arteries."""

JOB_FILE = "job.json"
"""Models, options and lengths, and the CTA's exact grid; it appears when the CTA is whole.

With ``"many": true`` the worker loads the models and says `Ready`. Each CTA then comes in a numbered folder
of its own, with a job file that appears when the CTA is whole, and is answered by a `Result` or a `Failure`.
"""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    stage : str
        What is being done, for a reader, e.g. ``"territories"``.
    fraction : float
        Share of the expected time that has passed, 0 to 1.
    seconds_left : float or None
        Expected time to the end; None before anything can be told.
    fold, folds : int or None
        The fold at work, counted from 1, and how many there are.
    tile, tiles : int or None
        Tiles of this fold that are done, and how many there are.
    """

    stage: str
    fraction: float
    seconds_left: float | None = None
    fold: int | None = None
    folds: int | None = None
    tile: int | None = None
    tiles: int | None = None


@dataclass(frozen=True)
class Notice:
    """Something the reader of the result should know, e.g. that the GPU's memory did not suffice."""

    text: str


@dataclass(frozen=True)
class Result:
    """The end of a run that worked.

    Attributes
    ----------
    files : dict of str to str
        Label map by role (``"territories"``, ``"calcification"``), names in the run's folder.
    fold_burdens : list of dict of str to (float or None)
        What `scoring.burdens` gives for each fold that both ensembles have, run by itself.
    provenance : dict
        Device, versions, folds, tiles, seconds, for the record.
    speeds : dict of str to float
        Seconds a unit of each kind of work, see `remaining_time`.
    grid : dict
        The CTA's grid as it was handed over, see `grid_of`; its axes may run otherwise than the caller stores them.
    """

    files: dict[str, str]
    fold_burdens: list[dict[str, float | None]] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)
    speeds: dict[str, float] = field(default_factory=dict)
    grid: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """The end of a run that did not work.

    Attributes
    ----------
    code : str
        ``bad_input``, ``missing_package``, ``out_of_memory``, ``disk_full``, ``killed`` or ``internal``.
    text : str
        One sentence for the user.
    """

    code: str
    text: str


@dataclass(frozen=True)
class Ready:
    """The models are loaded; CTAs may come, one after the other."""


Message = Progress | Notice | Result | Failure | Ready

_KINDS: dict[str, type[Any]] = {
    "progress": Progress,
    "notice": Notice,
    "result": Result,
    "failure": Failure,
    "ready": Ready,
}


def encode(message: Message) -> str:
    """Write a message as one line, without the line end."""
    kind = next(name for name, cls in _KINDS.items() if isinstance(message, cls))
    return json.dumps({"type": kind, **asdict(message)}, allow_nan=False)


def decode(line: str) -> Message | None:
    """Read a line; None for anything that is no message of this protocol."""
    try:
        content = json.loads(line)
        message: Message = _KINDS[content.pop("type")](**content)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return message


def grid_of(content: Mapping[str, Any]) -> Geometry:
    """Read a grid that was written with `asdict`, in a job or a `Result`."""
    # The worker hears this module before it loads anything large.
    from ..images.geometry import Geometry

    return Geometry(**{name: tuple(values) for name, values in content.items()})
