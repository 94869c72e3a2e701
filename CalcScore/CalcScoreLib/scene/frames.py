"""Where a CTA lies in the world, and its segments with it: transforms are followed, other moves are told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import vtk

from CalcScoreLogic.images.geometry import Array
from CalcScoreLogic.results import CaseResult

from .case_nodes import CaseNodes
from .grids import RAS_TO_LPS, own_matrix, to_array, volume_to_world

_FRAME = "CalcScore.Frame"
"""Attribute of the record: the CTA's matrices to its own RAS and to the world's when it was scored, mm."""

_TRANSFORM = "CalcScore.transform"
"""Reference of the record: the transform that the CTA lay under when the segments were last put beside it."""

_SAME_MM = 1e-4


def note(case: CaseNodes) -> None:
    """Note where the CTA lies: its segments were scored there."""
    _write(case, volume_to_world(case.volume))
    case.record.SetNodeReferenceID(_TRANSFORM, case.volume.GetTransformNodeID())


def follow(case: CaseNodes) -> None:
    """Put the segments under the transform that the CTA came under, or harden it where the CTA was hardened.

    Segments that somebody has put under another transform stay there.
    """
    record, volume = case.record, case.volume
    before, now = record.GetNodeReference(_TRANSFORM), volume.GetParentTransformNode()
    if before is now:
        return
    nodes = [node for node in (case.arteries, case.calcification) if node.GetParentTransformNode() is before]
    if now is None and before is not None and _was_hardened(case, before):
        for node in nodes:
            node.HardenTransform()
        frame = _read(case)
        if frame is not None:
            _write(case, frame["world"])
    else:
        for node in nodes:
            node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    record.SetNodeReferenceID(_TRANSFORM, volume.GetTransformNodeID())


def was_moved(case: CaseNodes) -> bool:
    """Tell whether the CTA lies elsewhere in its own frame than its segments know, e.g. with another origin."""
    frame = _read(case)
    return frame is not None and not _same(frame["own"], own_matrix(case.volume))


def since_scored(case: CaseNodes) -> Array:
    """Give the matrix from where the CTA was scored to where it is now, both world RAS in mm; shape (4, 4).

    Raises
    ------
    InputError
        The CTA lies under a transform that is not rigid.
    """
    frame = _read(case)
    if frame is None:
        return np.eye(4)
    matrix = volume_to_world(case.volume) @ np.linalg.inv(frame["world"])
    return np.eye(4) if _same(matrix, np.eye(4)) else matrix


def moved_result(result: CaseResult, matrix: Array) -> CaseResult:
    """Give scores whose plaques have moved (see `since_scored`)."""
    if np.array_equal(matrix, np.eye(4)):
        return result
    turned = RAS_TO_LPS @ matrix @ RAS_TO_LPS

    def at(place: tuple[float, float, float]) -> tuple[float, float, float]:
        x, y, z, _ = turned @ (*place, 1.0)
        return float(x), float(y), float(z)

    clusters = tuple(replace(cluster, centroid_mm=at(cluster.centroid_mm)) for cluster in result.scores.clusters)
    return replace(result, scores=replace(result.scores, clusters=clusters))


def _was_hardened(case: CaseNodes, transform: Any) -> bool:
    """Tell whether the CTA's own frame has taken a transform in."""
    frame, matrix = _read(case), vtk.vtkMatrix4x4()
    if frame is None or not transform.IsTransformToWorldLinear() or not transform.GetMatrixTransformToWorld(matrix):
        return False
    return _same(to_array(matrix) @ frame["own"], own_matrix(case.volume))


def _write(case: CaseNodes, world: Array) -> None:
    matrices = {"own": own_matrix(case.volume).tolist(), "world": world.tolist()}
    case.record.SetAttribute(_FRAME, json.dumps(matrices, separators=(",", ":")))


def _read(case: CaseNodes) -> dict[str, Array] | None:
    text = case.record.GetAttribute(_FRAME)
    return {name: np.array(rows) for name, rows in json.loads(text).items()} if text else None


def _same(one: Array, other: Array) -> bool:
    return bool(np.allclose(one, other, rtol=0, atol=_SAME_MM))
