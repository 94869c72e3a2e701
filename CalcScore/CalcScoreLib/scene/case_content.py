"""What goes into the nodes of a case, worked out without a look at them: it may be done in a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from CalcScoreLogic.anatomy import CalcificationLabel, Territory
from CalcScoreLogic.images.geometry import Array, Image, nonzero_box
from CalcScoreLogic.report.lesions import cluster_voxels, inner_positions
from CalcScoreLogic.rescoring import rescore, trim_again
from CalcScoreLogic.results import CaseResult, ScoredCase
from CalcScoreLogic.shortening import ShorteningParameters

from . import structures
from .fingerprints import Fingerprints
from .grids import Box
from .masks import CaseMasks, overlap_warning
from .plaques import Plaque, as_plaques
from .segmentations import Layer, SegmentMask

_NOTHING: Box = (slice(0, 1), slice(0, 1), slice(0, 1))


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
        SegmentMask.of(calcified, (box[0].start, box[1].start, box[2].start)),
    )
    prints = Fingerprints()
    prints.start(masks)
    full = {structures.FULL + territory.key: int(territory) for territory in Territory}
    # The calcification lies inside the trimmed arteries, so it has a layer of its own.
    plaques = Layer.of(calcified.view(np.uint8), {structures.CALCIFICATION: 1}, box)
    return Content(
        scored.result,
        masks,
        prints,
        _plaques(scored.result, scored.shortened, scored.calcification),
        (Layer.of(scored.territories.array, full), _cut_layer(scored)),
        (_trimmed_layer(scored), plaques),
    )


def rescored_content(previous: CaseResult, masks: CaseMasks, prints: Fingerprints, cta: Image) -> Content:
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

    Returns
    -------
    Content
        Without layers.
    """
    voxel = cta.geometry.voxel_volume_mm3
    images, edits = masks.images(cta, whole=False), prints.edits(masks, voxel)
    edits = replace(edits, warnings=edits.warnings + overlap_warning(images.trimmed_overlap, voxel))
    result = rescore(previous, images.shortened, images.calcification, images.territories, images.cta, edits)
    prints.rescored(masks)
    return Content(result, masks, prints, _plaques(result, images.shortened, images.calcification, images.start))


def trimmed_content(
    previous: CaseResult, masks: CaseMasks, prints: Fingerprints, cta: Image, parameters: ShorteningParameters
) -> Content:
    """Trim the full-length arteries again and score.

    Parameters
    ----------
    previous, masks, prints, cta
        See `rescored_content`.
    parameters : ShorteningParameters
        The lengths.

    Returns
    -------
    Content
        With the layers of the trimmed arteries and of what was cut off.
    """
    voxel = cta.geometry.voxel_volume_mm3
    images, edits = masks.images(cta, whole=True), prints.edits_before_trimming(masks, voxel)
    edits = replace(edits, warnings=edits.warnings + overlap_warning(images.full_overlap, voxel))
    scored = trim_again(previous, images.territories, images.calcification, parameters, cta, edits)
    after = replace(masks, trimmed=_territory_masks(scored.shortened))
    prints.trimmed(after)
    plaques = _plaques(scored.result, scored.shortened, images.calcification)
    return Content(scored.result, after, prints, plaques, (_cut_layer(scored),), (_trimmed_layer(scored),))


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
    images = masks.images(cta, whole=False)
    return _plaques(result, images.shortened, images.calcification, images.start)


def _plaques(
    result: CaseResult, shortened: Image, calcification: Image, start: tuple[int, int, int] = (0, 0, 0)
) -> list[Plaque]:
    """List the plaques in maps whose first voxel is `start` of the CTA."""
    clusters = result.scores.clusters
    voxels = cluster_voxels(clusters, shortened, calcification)
    positions = inner_positions(clusters, voxels, shortened.geometry)
    return as_plaques(clusters, positions, [own + start for own in voxels])


def _territory_masks(image: Image) -> dict[Territory, SegmentMask]:
    box = _box_of(image)
    part = image.array[box]
    return {t: SegmentMask.of(part == t, (box[0].start, box[1].start, box[2].start)) for t in Territory}


def _trimmed_layer(scored: ScoredCase) -> Layer:
    labels: Mapping[str, int] = {territory.key: int(territory) for territory in Territory}
    return Layer.of(scored.shortened.array, labels)


def _cut_layer(scored: ScoredCase) -> Layer:
    box = _box_of(scored.territories)
    cut: Array = (scored.territories.array[box] > 0) & (scored.shortened.array[box] == 0)
    return Layer.of(cut.view(np.uint8), {structures.CUT: 1}, box)


def _box_of(image: Image) -> Box:
    return nonzero_box(image.array) or _NOTHING
