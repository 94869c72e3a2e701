"""Corrections that are made with a key or two clicks: what each does to which segment, and how it is undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from CalcScoreLogic.anatomy import STRUCTURES, Territory
from CalcScoreLogic.branch_growing import grow_branch
from CalcScoreLogic.images.boxes import pad_box, part_of, start_of
from CalcScoreLogic.images.geometry import Array, Image
from CalcScoreLogic.shortening import ShorteningParameters

from . import structures
from .masks import CaseMasks, difference, intersection, territory_array
from .plaques import Plaque
from .segment_voxels import SegmentMask, around, union, within

_CROSS = ndimage.generate_binary_structure(3, 1)
_ROUND_CLICKS_MM = 60.0


@dataclass(frozen=True, eq=False)
class Change:
    """Voxels that a segment gains or loses.

    Attributes
    ----------
    key : str
        The structure.
    voxels : SegmentMask
        The voxels.
    added : bool
        Whether it gains them.
    """

    key: str
    voxels: SegmentMask
    added: bool

    def undone(self) -> Change:
        """Give the change that takes this one back."""
        return Change(self.key, self.voxels, not self.added)

    def effective(self, masks: CaseMasks) -> Change:
        """Give what of it really changes something."""
        now = masks.by_key()[self.key]
        voxels = difference(self.voxels, now) if self.added else intersection(self.voxels, now)
        return Change(self.key, voxels, self.added)


Plan = Callable[[CaseMasks, Image], "Planned"]
"""Says from the segments and the CTA what is to be changed; touches no node, so it may run in a thread."""


@dataclass(frozen=True, eq=False)
class Planned:
    """What is to be changed.

    Attributes
    ----------
    changes : tuple of Change
        The changes.
    note : str
        What a reader should know of it; empty where it goes without saying.
    """

    changes: tuple[Change, ...]
    note: str = ""


class HandEdit:
    """A correction that is made, scored, and can be undone.

    Parameters
    ----------
    plan : Plan
        What is to be changed.
    lengths : ShorteningParameters, optional
        Trim again to these lengths afterwards; by default the trimmed arteries are scored as they are.

    Attributes
    ----------
    changes : tuple of Change
        What was changed, once it is made.
    note : str
        What a reader should know of it, once it is made.
    """

    def __init__(self, plan: Plan, lengths: ShorteningParameters | None = None) -> None:
        self.plan, self.lengths = plan, lengths
        self.changes: tuple[Change, ...] = ()
        self.note = ""

    def undo(self) -> HandEdit:
        """Give the correction that takes this one back."""
        changes = tuple(change.undone() for change in reversed(self.changes))
        return HandEdit(lambda masks, cta: Planned(changes), self.lengths)


def removal(plaques: Sequence[Plaque]) -> HandEdit:
    """Take plaques away, with what hangs on them outside the trimmed arteries and belongs to no other plaque."""
    gone = union([plaque.mask() for plaque in plaques])

    def plan(masks: CaseMasks, cta: Image) -> Planned:
        calcium = masks.calcification
        labels, _ = ndimage.label(calcium.inside, _CROSS)
        artery = union([intersection(mask, calcium) for mask in masks.trimmed.values()])
        kept = difference(artery, gone)
        own = _labels_of(gone, labels, calcium) - _labels_of(kept, labels, calcium)
        alone = SegmentMask.of(np.isin(labels, list(own)), calcium.start)
        return Planned((Change(structures.CALCIFICATION, union([gone, alone]), False),))

    return HandEdit(plan)


def reassignment(plaques: Sequence[Plaque], territory: Territory) -> HandEdit:
    """Give the artery that plaques lie in to another territory, there and in the full-length artery."""

    def plan(masks: CaseMasks, cta: Image) -> Planned:
        changes = []
        for plaque in plaques:
            if plaque.territory is not territory:
                for prefix in ("", structures.FULL):
                    changes.append(Change(prefix + plaque.territory.key, plaque.mask(), False))
                    changes.append(Change(prefix + territory.key, plaque.mask(), True))
        return Planned(tuple(changes))

    return HandEdit(plan)


def added_branch(
    clicks_lps: Sequence[Sequence[float]],
    territory: Territory,
    lengths: ShorteningParameters,
    threshold_hu: float | None = None,
) -> HandEdit:
    """Grow a missed branch between two clicks, trim and score.

    Parameters
    ----------
    clicks_lps : sequence of sequence of float
        Where it begins and where it ends, LPS mm.
    territory : Territory
        What it belongs to.
    lengths : ShorteningParameters
        The lengths that the arteries are trimmed to.
    threshold_hu : float, optional
        What is as bright inside the branch is calcification; by default none is added.
    """

    def plan(masks: CaseMasks, cta: Image) -> Planned:
        clicks = SegmentMask.at(np.array([_index(cta, click) for click in clicks_lps]))
        box = around((*masks.full.values(), *masks.trimmed.values(), clicks))
        assert box is not None  # noqa: S101  the clicks are in it
        margin = int(_ROUND_CLICKS_MM / min(cta.geometry.spacing))
        box = pad_box(box, margin, cta.array.shape)
        geometry = part_of(cta.geometry, box)
        part = Image(cta.array[box], geometry)
        known, _ = territory_array(masks.full, box)
        branch = grow_branch(part, Image(known, geometry), *clicks_lps)
        start = start_of(box)
        changes = [Change(structures.FULL + territory.key, SegmentMask.of(branch.mask.array, start), True)]
        if threshold_hu is not None:
            calcified = SegmentMask.of(branch.mask.array & (part.array >= threshold_hu), start)
            changes.append(Change(structures.CALCIFICATION, calcified, True))
        title = STRUCTURES[territory].title
        note = f"{title}: a branch of {branch.length_mm:.0f} mm was added."
        if not branch.joined:
            note += " It begins at no known artery, so nothing of it is kept; undo, and click where it leaves one."
        return Planned(tuple(changes), note)

    return HandEdit(plan, lengths)


def _labels_of(mask: SegmentMask, labels: Array, calcium: SegmentMask) -> set[int]:
    """Give the labels, on the box of the calcification, that a mask has voxels of."""
    shared = intersection(mask, calcium)
    if not shared.inside.size:
        return set()
    return set(np.unique(labels[within(shared.box, calcium.box)][shared.inside]).tolist())


def _index(cta: Image, click_lps: Sequence[float]) -> Array:
    """Give the voxel (k, j, i) of the CTA that a click is nearest to."""
    index = cta.geometry.to_index(click_lps)
    return np.clip(np.rint(index[::-1]), 0, np.array(cta.array.shape) - 1).astype(int)
