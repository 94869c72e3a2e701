"""One input that must be refused; `bad_files` lists them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BadFile:
    """An input that must be refused.

    Attributes
    ----------
    kind : str
        As which input it is bad: ``ct``, ``territories``, ``calcification`` or ``arteries``.
    make : callable
        Makes it in a folder and gives the path to hand over.
    fragment : str
        What the message must contain.
    off_grid : bool
        It is good by itself, but lies on another grid than the good CT.
    """

    kind: str
    make: Callable[[Path], Path]
    fragment: str
    off_grid: bool = False


def bad_file(name: str, content: bytes, **others: bytes) -> Callable[[Path], Path]:
    """Make a file, and others beside it named ``data_raw`` for data.raw."""

    def make(folder: Path) -> Path:
        for other, data in others.items():
            (folder / other.replace("_", ".")).write_bytes(data)
        (folder / name).write_bytes(content)
        return folder / name

    return make
