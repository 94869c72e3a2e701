"""What a person at a terminal sees while a command works; nothing where no terminal is."""

from __future__ import annotations

import sys

_CLEAR_LINE = "\r\x1b[K"


def stage(text: str = "") -> None:
    """Say what is being done, in place of what was said before; no text clears the line.

    Parameters
    ----------
    text : str
        A few words, e.g. ``"reading the CTA"``.
    """
    if sys.stderr.isatty():
        print(f"{_CLEAR_LINE}{text}{'…' if text else ''}", end="", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Write a time for a reader, e.g. ``"40 s"``, ``"12 min"`` or ``"2.5 h"``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
