"""How numbers of things are written in what a user reads."""

from __future__ import annotations


def counted(count: int, thing: str) -> str:
    """Write a number of things, such as "1 case" and "2 cases"."""
    return f"{count} {thing}{'' if count == 1 else 's'}"
