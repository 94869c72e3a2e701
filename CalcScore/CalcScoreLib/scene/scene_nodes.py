"""The nodes of a scene by their class."""

from __future__ import annotations

from typing import Any


def nodes_by_class(scene: Any, name: str) -> list[Any]:
    """Give the nodes of a class in a scene, in their order; `slicer.util.getNodesByClass` only knows Slicer's own."""
    return [scene.GetNthNodeByClass(number, name) for number in range(scene.GetNumberOfNodesByClass(name))]
