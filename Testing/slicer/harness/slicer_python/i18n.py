"""``slicer.i18n``: texts stay as they are."""

from __future__ import annotations


def tr(text: str) -> str:
    """Return the text in the user's language, here English."""
    if not isinstance(text, str):
        raise TypeError(f"only text can be translated, not {text!r}")
    return text


def translate(context: str, text: str) -> str:
    """Return the text of a context in the user's language, here English."""
    return tr(text)


def getContext(sourceFile: str) -> str:  # noqa: N802, N803 - names are Slicer's
    """Return the name of the context: the file's name without suffix."""
    from pathlib import Path

    return Path(sourceFile).stem
