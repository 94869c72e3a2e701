"""Texts in the user's language, where Slicer can translate."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:

    def _(text: str) -> str: ...

else:
    try:
        # Handed on as it is: it looks up the file that calls it.
        from slicer.i18n import tr as _
    except ImportError:

        def _(text: str) -> str:
            return text


__all__ = ["_"]
