"""Which plaques a reader has looked at; kept with the case, by their voxels."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

_ATTRIBUTE = "CalcScore.Checked"


def checked_keys(record: Any) -> set[str]:
    """Give the keys of the plaques that were checked; one whose voxels have changed since has another key."""
    try:
        found = json.loads(record.GetAttribute(_ATTRIBUTE) or "[]")
    except ValueError:
        return set()
    return {key for key in found if isinstance(key, str)} if isinstance(found, list) else set()


def keep_checked(record: Any, keys: Iterable[str]) -> None:
    """Keep the keys of the plaques that were checked."""
    record.SetAttribute(_ATTRIBUTE, json.dumps(sorted(keys), separators=(",", ":")))
