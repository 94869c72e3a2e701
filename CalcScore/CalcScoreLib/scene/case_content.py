"""What goes into the nodes of a case, worked out without a look at them: it may be done in a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from CalcScoreLogic.anatomy import CalcificationLabel, Territory
from CalcScoreLogic.artery_holes import Arteries, fill_holes
from CalcScoreLogic.images.boxes import Box, moved_box, nonzero_box, start_of
from CalcScoreLogic.images.geometry import Array, Image
from CalcScoreLogic.report.lesions import cluster_voxels, inner_positions
from CalcScoreLogic.rescoring import overlap_warning, rescore, trim_again
from CalcScoreLogic.results import CaseResult, ScoredCase
from CalcScoreLogic.shortening import ShorteningParameters

from . import structures
from .fingerprints import Fingerprints
from .masks import CaseMasks, difference
from .plaques import Plaque, as_plaques
from .segment_voxels import SegmentMask
from .segmentations import NOTHING, Layer

_ALL: Box = (slice(0, None), slice(0, None), slice(0, None))


@dataclass(frozen=True, eq=False)
class Content:
    """Scores, and the segments that they rest on.

    Attributes
    ----------
    result : CaseResult
        The scores.
    masks : CaseMasks
        The segments as they are once the layers are written.
    prints : Fingerprints
        Their fingerprints.
    plaques : list of Plaque
        The plaques, largest first.
    arteries, trimmed : tuple of Layer
        What is to be written into either segmentation; the other segments stay.
    """

    result: CaseResult
    masks: CaseMasks
    prints: Fingerprints
    plaques: list[Plaque]
    arteries: tuple[Layer, ...] = ()
    trimmed: tuple[Layer, ...] = ()


def new_content(scored: ScoredCase) -> Content:
    """Give the content of a case that was analyzed.

    Parameters
    ----------
    scored : ScoredCase
        Scores and label maps on the CTA's grid.

    Returns
    -------
    Content
        With all layers.
    """
    box = _box_of(scored.calcification)
    calcified = scored.calcification.array[box] == CalcificationLabel.CALCIFICATION
    masks = CaseMasks(
        _territory_masks(scored.shortened),
        _territory_masks(scored.territories),
        SegmentMask.of(calcified, start_of(box)),
    )
    prints = Fingerprints()
    prints.start(masks)
    # The calcification lies inside the trimmed arteries, so it has a layer of its own.
    plaques = Layer.of(calcified.view(np.uint8), {structures.CALCIFICATION: 1}, box)
    return Content(
        scored.result,
        masks,
        prints,
        _plaques(scored.result, scored.shortened, scored.calcification),
        (_full_layer(scored.territories), _cut_layer(scored)),
        (_trimmed_layer(scored.shortened), plaques),
    )


def last_arteries(
    masks: CaseMasks, prints: Fingerprints, known: Mapping[str, SegmentMask], cut: SegmentMask | None
) -> CaseMasks:
    """Give the arteries as they were last scored.

    Parameters
    ----------
    masks : CaseMasks
        The segments.
    prints : Fingerprints
        Their last fingerprints.
    known : mapping of str to SegmentMask
        Segments as they were last scored, by the keys of `structures`, as far as they were read
        since the scene was opened.
    cut : SegmentMask or None
        What the trimming took away; None where its segment has been deleted.

    Returns
    -------
    CaseMasks
        A segment that has not changed is as it was; a trimmed one that has, and that is not known, is what the
        trimming left of its full length.
    """
    changed, now = prints.changed(masks), masks.by_key()
    last = {key: now[key] if key not in changed else known.get(key) for key in now}
    full = {t: last[structures.FULL + t.key] or masks.full[t] for t in Territory}
    rebuilt = masks.trimmed if cut is None else {t: difference(full[t], cut) for t in Territory}
    trimmed = {t: last[t.key] or rebuilt[t] for t in Territory}
    return CaseMasks(trimmed, full, masks.calcification)


def rescored_content(
    previous: CaseResult, masks: CaseMasks, prints: Fingerprints, cta: Image, last: CaseMasks
) -> Content:
    """Score the trimmed segments as they are.

    Parameters
    ----------
    previous : CaseResult
        The last scores.
    masks : CaseMasks
        The segments.
    prints : Fingerprints
        Their last fingerprints; brought up to date.
    cta : Image
        The CTA.
    last : CaseMasks
        The arteries as they were last scored.

    Returns
    -------
    Content
        With the layer of the trimmed arteries where calcification had been painted over them.
    """
    images = masks.images(cta, whole=False, last=last)
    filled = fill_holes(Arteries(images.territories, images.shortened), images.calcification, images.last).arteries
    layers: tuple[Layer, ...] = ()
    if filled.trimmed is not None and filled.trimmed is not images.shortened:
        masks = replace(masks, trimmed=_territory_masks(filled.trimmed, images.box))
        layers = (_trimmed_layer(filled.trimmed, images.box),)
    told = overlap_warning(images.trimmed_overlap, cta.geometry.voxel_volume_mm3)
    edits = replace(prints.edits(masks), warnings=told)
    maps = (images.shortened, images.calcification, images.territories)
    scored = rescore(previous, *maps, images.cta, edits, images.last)
    prints.rescored(masks)
    plaques = _plaques(scored.result, scored.shortened, images.calcification, images.start)
    return Content(scored.result, masks, prints, plaques, (), layers)


def trimmed_content(
    previous: CaseResult,
    masks: CaseMasks,
    prints: Fingerprints,
    cta: Image,
    last: CaseMasks,
    parameters: ShorteningParameters,
) -> Content:
    """Trim the full-length arteries again and score.

    Parameters
    ----------
    previous, masks, prints, cta, last
        See `rescored_content`.
    parameters : ShorteningParameters
        The lengths.

    Returns
    -------
    Content
        With the layers of the trimmed arteries and of what was cut off; with those of the full length where
        calcification had been painted over them.
    """
    images = masks.images(cta, whole=True, last=last)
    filled = fill_holes(Arteries(images.territories), images.calcification, images.last).arteries.full
    layers: tuple[Layer, ...] = ()
    if filled is not images.territories:
        masks, layers = replace(masks, full=_territory_masks(filled)), (_full_layer(filled),)
    told = overlap_warning(images.full_overlap, cta.geometry.voxel_volume_mm3)
    edits = replace(prints.edits_before_trimming(masks), warnings=told)
    scored = trim_again(previous, images.territories, images.calcification, parameters, cta, edits, images.last)
    after = replace(masks, trimmed=_territory_masks(scored.shortened))
    prints.trimmed(after)
    plaques = _plaques(scored.result, scored.shortened, images.calcification)
    return Content(
        scored.result, after, prints, plaques, (*layers, _cut_layer(scored)), (_trimmed_layer(scored.shortened),)
    )


def plaques_of(result: CaseResult, masks: CaseMasks, cta: Image) -> list[Plaque]:
    """List the plaques of scores, with the places where the segments show them.

    Parameters
    ----------
    result : CaseResult
        The scores.
    masks : CaseMasks
        The segments.
    cta : Image
        The CTA.

    Returns
    -------
    list of Plaque
        Largest first.
    """
    shortened, calcification, box = masks.plaque_images(cta)
    return _plaques(result, shortened, calcification, start_of(box))


def _plaques(
    result: CaseResult, shortened: Image, calcification: Image, start: tuple[int, int, int] = (0, 0, 0)
) -> list[Plaque]:
    """List the plaques in maps whose first voxel is `start` of the CTA."""
    clusters = result.scores.clusters
    voxels = cluster_voxels(clusters, shortened, calcification)
    positions = inner_positions(clusters, voxels, shortened.geometry)
    return as_plaques(clusters, positions, [own + start for own in voxels])


def _territory_masks(image: Image, within: Box = _ALL) -> dict[Territory, SegmentMask]:
    """Give the masks of a territory map; `within` is the part of the CTA that it is."""
    box = _box_of(image)
    part = image.array[box]
    start = start_of(moved_box(box, start_of(within)))
    return {t: SegmentMask.of(part == t, start) for t in Territory}


def _trimmed_layer(shortened: Image, box: Box | None = None) -> Layer:
    return Layer.of(shortened.array, {territory.key: int(territory) for territory in Territory}, box)


def _full_layer(territories: Image) -> Layer:
    labels = {structures.FULL + territory.key: int(territory) for territory in Territory}
    return Layer.of(territories.array, labels)


def _cut_layer(scored: ScoredCase) -> Layer:
    box = _box_of(scored.territories)
    cut: Array = (scored.territories.array[box] > 0) & (scored.shortened.array[box] == 0)
    return Layer.of(cut.view(np.uint8), {structures.CUT: 1}, box)


def _box_of(image: Image) -> Box:
    return nonzero_box(image.array) or NOTHING
