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
