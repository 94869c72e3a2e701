"""What scores were made with, in one line: the same figures mean something else by another method."""

from __future__ import annotations

from typing import Any

from ..results import CaseResult
from ..shortening import ShorteningMethod

SOURCES = "sources"
"""Key of the provenance under which a program names segments that took a network's place, by role."""


def method_text(result: CaseResult) -> str:
    """Say where arteries and calcification came from and how the arteries were trimmed.

    Parameters
    ----------
    result : CaseResult
        The scores.

    Returns
    -------
    str
        For instance ``"Arteries: network A · calcium: fixed 470 HU · branches 25 mm (published method), aorta +
        10 mm"``.
    """
    return f"Arteries: {_arteries(result)} · calcium: {_calcium(result)} · {_trimmed(result.parameters)}"


def _arteries(result: CaseResult) -> str:
    return _network(result, "territories") or _named(result, "territories") or _files(result) or "a mask"


def _calcium(result: CaseResult) -> str:
    source = str(result.parameters["calcification"])
    threshold_hu = result.parameters.get("threshold_hu")
    if source == "network":
        return _network(result, "calcification") or "network"
    if threshold_hu is not None:
        return f"{source} {threshold_hu:.0f} HU"
    return _named(result, "calcification") or f"a {source}"


def _network(result: CaseResult, role: str) -> str:
    model = result.provenance.get("models", {}).get(role)
    return f"network {model['name']}" if model else ""


def _files(result: CaseResult) -> str:
    """Name the files that another tool's arteries were read from; empty where there are none."""
    inputs = result.provenance.get("inputs", {})
    names = [str(entry["file"]) for role, entry in inputs.items() if role.startswith("arteries")]
    return names[0] if len(names) == 1 else f"{len(names)} mask files" if names else ""


def _named(result: CaseResult, role: str) -> str:
    return str(result.provenance.get(SOURCES, {}).get(role, ""))


def _trimmed(parameters: dict[str, Any]) -> str:
    if parameters["length_mm"] is None:
        return "as segmented, not trimmed"
    true_length = parameters["method"] == ShorteningMethod.GEODESIC.value
    how = "geodesic, true length" if true_length else "published method"
    return f"branches {parameters['length_mm']:g} mm ({how}), aorta + {parameters['aorta_margin_mm']:g} mm"
