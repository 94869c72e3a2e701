"""What the scores of a case were made from, kept with its record, and what of it is chosen otherwise now."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.models import Model, Role

from ..scene.case import SceneCase
from ..scene.other_segmentations import Prints
from ..scene.segment_voxels import SegmentPrint
from ..translation import _
from .parameters import NETWORK, SEGMENTS, THRESHOLD, CalcScoreParameters, lengths_of, mapping_of

_INPUTS = "CalcScore.Inputs"
_NODES = {"artery_segmentation": "CalcScore.arteriesFrom", "calcification_segmentation": "CalcScore.calciumFrom"}

_ROLES = {"artery_segmentation": Role.TERRITORIES, "calcification_segmentation": Role.CALCIFICATION}
_PRINTS = "segments"

_TITLES = {
    "arteries_from": _("where the arteries come from"),
    "artery_segmentation": _("the segmentation of the arteries"),
    "mapping": _("which segment is which artery"),
    "calcification_from": _("where the calcium comes from"),
    "threshold_hu": _("the HU threshold"),
    "calcification_segmentation": _("the segmentation of the calcium"),
    "calcification_segment": _("the segment of the calcium"),
    "models": _("the networks"),
    "quality": _("the quality"),
}


_CONTENTS = {
    "artery_segmentation": _("the segments of the arteries"),
    "calcification_segmentation": _("the segment of the calcium"),
}


def keep(
    case: SceneCase,
    parameters: CalcScoreParameters,
    models: Sequence[Model],
    prints: Mapping[Role, Prints],
) -> None:
    """Keep what a case was scored from with its record.

    Parameters
    ----------
    case : SceneCase
        The case.
    parameters : CalcScoreParameters
        What the panel was set to.
    models : sequence of Model
        The networks that were run.
    prints : mapping of Role to Prints
        What was in the segments that took a network's place.
    """
    kept = {role.value: {name: asdict(value) for name, value in found.items()} for role, found in prints.items()}
    case.record.SetAttribute(_INPUTS, json.dumps({**_choices(parameters, models), _PRINTS: kept}))
    for name, role in _NODES.items():
        node = getattr(parameters, name) if name in _used_nodes(parameters) else None
        case.record.SetNodeReferenceID(role, node.GetID() if node is not None else None)


def changed(case: SceneCase, parameters: CalcScoreParameters, models: Sequence[Model]) -> tuple[str, ...]:
    """Name what is chosen otherwise than when a case was scored.

    Parameters
    ----------
    case : SceneCase
        The case.
    parameters : CalcScoreParameters
        What the panel is set to.
    models : sequence of Model
        The networks that would be run; none where one is missing.

    Returns
    -------
    tuple of str
        For a reader, e.g. ``"the HU threshold"``. A case that was made without the panel knows its lengths only.
    """
    found = [*_changed_choices(case, parameters, models)]
    if lengths_differ(case, parameters):
        found.append(_("the lengths"))
    return tuple(found)


def scored_segments(case: SceneCase, parameters: CalcScoreParameters) -> dict[str, tuple[Any, Prints]]:
    """Give the segments that a case was scored from and that are still chosen, with what was in them.

    Parameters
    ----------
    case : SceneCase
        The case.
    parameters : CalcScoreParameters
        What the panel is set to.

    Returns
    -------
    dict of str to (vtkMRMLSegmentationNode, Prints)
        By what a reader calls them, e.g. ``"the segments of the arteries"``. What was chosen otherwise is not there.
    """
    before, found = _kept(case), {}
    for name in _used_nodes(parameters):
        node = getattr(parameters, name)
        prints = before.get(_PRINTS, {}).get(_ROLES[name].value, {})
        if prints and node is not None and node is case.record.GetNodeReference(_NODES[name]):
            chosen = _segments_of(parameters, name)
            found[_CONTENTS[name]] = node, {key: _print(value) for key, value in prints.items() if key in chosen}
    return found


def _segments_of(parameters: CalcScoreParameters, name: str) -> set[str]:
    """Give the segments that are chosen in a segmentation."""
    if name == "artery_segmentation":
        return {segment for segment, key in mapping_of(parameters).items() if key is not None}
    there = parameters.calcification_segmentation.GetSegmentation().GetSegment(parameters.calcification_segment)
    return {parameters.calcification_segment} if there is not None else set()


def _print(kept: Mapping[str, Any]) -> SegmentPrint:
    return SegmentPrint(kept["voxels"], tuple(kept["corners_mm"]))


def _kept(case: SceneCase) -> dict[str, Any]:
    """Give what a case was scored from; nothing where it was made without the panel."""
    kept: dict[str, Any] = json.loads(case.record.GetAttribute(_INPUTS) or "{}")
    return kept


def lengths_differ(case: SceneCase, parameters: CalcScoreParameters) -> bool:
    """Tell whether other lengths are chosen than those that the arteries were last trimmed to."""
    try:
        return case.parameters() != lengths_of(parameters)
    except InputError:
        # Told where they are used.
        return False


def _changed_choices(case: SceneCase, parameters: CalcScoreParameters, models: Sequence[Model]) -> Iterable[str]:
    before, now = _kept(case), _choices(parameters, models)
    if not before:
        return
    sources_differ = False
    for name in ("arteries_from", "calcification_from"):
        if before.get(name) != now[name]:
            sources_differ = True
            yield _TITLES[name]
    for name in _used_nodes(parameters):
        same_kind = before.get(_kind_of(name)) == now[_kind_of(name)]
        if same_kind and case.record.GetNodeReference(_NODES[name]) is not getattr(parameters, name):
            yield _TITLES[name]
            now.pop("mapping" if name == "artery_segmentation" else "calcification_segment", None)
    for name in ("mapping", "threshold_hu", "calcification_segment"):
        if name in now and name in before and now[name] != before[name]:
            yield _TITLES[name]
    # Other sources need other networks: that is told already. Missing ones are told elsewhere.
    if not sources_differ and models:
        yield from (_TITLES[name] for name in ("models", "quality") if before.get(name) != now.get(name))


def _choices(parameters: CalcScoreParameters, models: Sequence[Model]) -> dict[str, Any]:
    """Give what matters of the choices: what is not used is left out."""
    found: dict[str, Any] = {
        "arteries_from": parameters.arteries_from,
        "calcification_from": parameters.calcification_from,
    }
    if parameters.arteries_from == SEGMENTS:
        found["mapping"] = {name: key for name, key in mapping_of(parameters).items() if key is not None}
    if parameters.calcification_from == THRESHOLD:
        found["threshold_hu"] = "adaptive" if parameters.adaptive else parameters.threshold_hu
    if parameters.calcification_from == SEGMENTS:
        found["calcification_segment"] = parameters.calcification_segment
    if NETWORK in (parameters.arteries_from, parameters.calcification_from):
        folds = " ".join(parameters.folds.replace(",", " ").split())
        found["quality"] = [folds, parameters.mirroring, parameters.step_size]
        found["models"] = [[model.role.value, model.fingerprint] for model in models]
    return found


def _used_nodes(parameters: CalcScoreParameters) -> list[str]:
    return [name for name in _NODES if getattr(parameters, _kind_of(name)) == SEGMENTS]


def _kind_of(node_name: str) -> str:
    return "arteries_from" if node_name == "artery_segmentation" else "calcification_from"
