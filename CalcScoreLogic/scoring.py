"""Burden, clusters and mean cluster size per territory.

Paper, "Metrics for the calcification burden evaluation". All counting is done on the CTA's own grid.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from scipy import ndimage

from .anatomy import COMBINED, SIDE_TERRITORIES, STRUCTURES, VESSELS_OF, CalcificationLabel, Territory, Vessel
from .errors import InputError
from .images.boxes import nonzero_box, start_of
from .images.common_grid import aligned
from .images.geometry import Array, Geometry, Image
from .shortening import attached
from .vessels import separate_vessels

_CROSS = ndimage.generate_binary_structure(3, 1)


class Status(str, Enum):
    """Whether a row stands for the whole standard length of its artery.

    ``ok``: complete. ``truncated``: the mask touches the volume's border, the standard length may not be
    reached. ``not_in_view``: no voxels, and the volume ends before this artery. ``detached``: no voxels
    after shortening, but pieces before it, none of which is attached to the aorta. ``absent``: no voxels
    although the volume covers it. ``incomplete``: combined row with a part absent, detached or not in view.
    """

    OK = "ok"
    TRUNCATED = "truncated"
    NOT_IN_VIEW = "not_in_view"
    DETACHED = "detached"
    ABSENT = "absent"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True)
class Row:
    """Figures of one territory, one vessel or all four territories together.

    Attributes
    ----------
    status : Status
        What the figures rest on.
    artery_volume_mm3 : float
        Volume of the shortened artery, mm³.
    calcified_volume_mm3 : float
        Volume of the calcification inside it, mm³.
    burden : float or None
        Calcified volume / artery volume, 0 to 1; None without an artery.
    cluster_count : int
        6-connected components of the calcification.
    mean_cluster_volume_mm3 : float or None
        Calcified volume / cluster count, mm³; None without a cluster.
    """

    status: Status
    artery_volume_mm3: float
    calcified_volume_mm3: float
    burden: float | None
    cluster_count: int
    mean_cluster_volume_mm3: float | None


@dataclass(frozen=True)
class Cluster:
    """One 6-connected calcification within one territory.

    Attributes
    ----------
    territory : Territory
        Where it lies.
    vessel : Vessel or None
        The vessel that holds most of it, where the territory's vessels can be told apart.
    volume_mm3 : float
        Volume, mm³.
    centroid_mm : tuple of float
        Mean voxel position, LPS mm.
    max_hu, mean_hu : float or None
        Intensities, HU; None without a CT.
    """

    territory: Territory
    vessel: Vessel | None
    volume_mm3: float
    centroid_mm: tuple[float, float, float]
    max_hu: float | None = None
    mean_hu: float | None = None


@dataclass(frozen=True)
class Scores:
    """Result of `score`.

    Attributes
    ----------
    territories : dict of str to Row
        ``aorta``, ``iliac``, ``mesenteric``, ``renal`` and ``combined``.
    vessels : dict of str to Row
        Single vessels, those that can be told apart.
    clusters : tuple of Cluster
        Largest first.
    warnings : tuple of str
        What a reader should know.
    """

    territories: dict[str, Row]
    vessels: dict[str, Row]
    clusters: tuple[Cluster, ...]
    warnings: tuple[str, ...]


def score(
    shortened: Image,
    calcification: Image,
    unshortened: Image | None = None,
    cta: Image | None = None,
    not_given: Collection[str] = (),
) -> Scores:
    """Measure the calcification of each territory.

    Parameters
    ----------
    shortened : Image
        Shortened territory map, values of `anatomy.Territory`.
    calcification : Image
        Calcification map on the same grid; only `CalcificationLabel.CALCIFICATION` counts.
    unshortened : Image, optional
        Territory map before shortening, which tells a missing artery from one outside the field of
        view; `shortened` where not given.
    cta : Image, optional
        HU on the same grid, for the intensities of the clusters.
    not_given : collection of str
        Keys of territories that the source of the map does not label; these are absent, wherever the volume ends.

    Returns
    -------
    Scores
        The five rows, the vessel rows, the clusters and warnings.

    Raises
    ------
    InputError
        The images lie on different grids.

    Notes
    -----
    A territory's clusters are counted inside it; the combined row counts on the union, so that a plaque
    across a border is one there and two in the parts. Source: paper, "Metrics for the calcification
    burden evaluation".
    """
    calcification = aligned(shortened, calcification, "the territory map", "the calcification map")
    unshortened = aligned(shortened, unshortened or shortened, "the territory map", "the unshortened territory map")
    if cta is not None:
        cta = aligned(shortened, cta, "the territory map", "the CTA")
    view = _Crop.of(shortened, calcification, cta)
    full = unshortened.canonical()
    rows: dict[str, Row] = {}
    for territory in Territory:
        mask = view.territories == territory
        status = view.status(mask) or _missing_status(territory, full, not_given)
        rows[territory.key] = view.row(mask, status)
    rows[COMBINED] = view.row(view.territories > 0, _combined_status(row.status for row in rows.values()))

    vessel_map, untold = separate_vessels(view.territories, view.geometry.spacing[::-1])
    vessels = {}
    for territory, pair in VESSELS_OF.items():
        for vessel in () if territory in untold else pair:
            mask = vessel_map == vessel.number
            present = rows[territory.key].artery_volume_mm3 > 0
            missing = Status.ABSENT if present else rows[territory.key].status
            vessels[vessel.value] = view.row(mask, view.status(mask) or missing)
    warnings = tuple(
        f"{STRUCTURES[territory].title}: {' and '.join(v.value.replace('_', ' ') for v in VESSELS_OF[territory])} "
        "could not be told apart, so they are scored together; part them in the artery map to score each."
        for territory in untold
    )
    return Scores(rows, vessels, _clusters(view, vessel_map), warnings)


def burdens(shortened: Image, calcification: Image) -> dict[str, float | None]:
    """Measure the burdens alone, in less time and memory than `score` takes.

    Parameters
    ----------
    shortened : Image
        Shortened territory map, values of `anatomy.Territory`.
    calcification : Image
        Calcification map on the same grid; only `CalcificationLabel.CALCIFICATION` counts.

    Returns
    -------
    dict of str to float or None
        By the names of `Scores.territories`; None without an artery voxel.

    Raises
    ------
    InputError
        The images lie on different grids.
    """
    calcification = aligned(shortened, calcification, "the territory map", "the calcification map")
    box = nonzero_box(shortened.array) or (slice(0, 0),) * 3
    territories = shortened.array[box]
    calcified = territories[calcification.array[box] == CalcificationLabel.CALCIFICATION]
    counts = {t.key: [int(np.count_nonzero(found == t)) for found in (territories, calcified)] for t in Territory}
    counts[COMBINED] = [sum(pair[n] for pair in counts.values()) for n in (0, 1)]
    return {name: calcium / artery if artery else None for name, (artery, calcium) in counts.items()}


def composite_burden(scores: Scores, weights: Mapping[Territory, float]) -> float | None:
    """Average the territories' burdens with the user's weights.

    Parameters
    ----------
    scores : Scores
        What `score` measured.
    weights : mapping of Territory to float
        Weight of each territory, at least 0, not all 0; a territory left out has weight 0.

    Returns
    -------
    float or None
        Weighted mean in [0, 1]; None where a weighted territory has no burden.

    Raises
    ------
    InputError
        A negative or non-finite weight, or no positive one.

    Notes
    -----
    There is no default: no weighting has been validated (paper, "Discussion").
    """
    if not all(np.isfinite(w) and w >= 0 for w in weights.values()) or not any(weights.values()):
        raise InputError("the weights must be finite, at least 0 and not all 0")
    weighted = [(scores.territories[t.key].burden, w) for t, w in weights.items() if w]
    total = 0.0
    for burden, weight in weighted:
        if burden is None:
            return None
        total += burden * weight
    return total / sum(w for _, w in weighted)


@dataclass(frozen=True)
class _Crop:
    """The box of the arteries in canonical storage, axes (z, y, x)."""

    territories: Array
    calcified: Array
    hu: Array | None
    geometry: Geometry
    start: tuple[int, int, int]

    @classmethod
    def of(cls, shortened: Image, calcification: Image, cta: Image | None) -> _Crop:
        whole = shortened.canonical()
        box = nonzero_box(whole.array) or (slice(0, 0), slice(0, 0), slice(0, 0))
        territories = whole.array[box]
        calcified = calcification.canonical().array[box] == CalcificationLabel.CALCIFICATION
        calcified &= territories > 0
        hu = None if cta is None else cta.canonical().array[box]
        return cls(territories, calcified, hu, whole.geometry, start_of(box))

    def status(self, mask: Array) -> Status | None:
        """Tell whether a mask touches the volume's border; None where it is empty."""
        if not mask.any():
            return None
        for axis, (start, length, whole) in enumerate(zip(self.start, mask.shape, self.geometry.shape, strict=True)):
            if start == 0 and mask.take(0, axis=axis).any():
                return Status.TRUNCATED
            if start + length == whole and mask.take(-1, axis=axis).any():
                return Status.TRUNCATED
        return Status.OK

    def row(self, mask: Array, status: Status) -> Row:
        """Measure the calcification inside a mask of the crop."""
        voxel = self.geometry.voxel_volume_mm3
        inside = self.calcified & mask
        artery = int(np.count_nonzero(mask))
        calcified = int(np.count_nonzero(inside))
        count = _label(inside)[1]
        return Row(
            status=status,
            artery_volume_mm3=artery * voxel,
            calcified_volume_mm3=calcified * voxel,
            burden=calcified / artery if artery else None,
            cluster_count=count,
            mean_cluster_volume_mm3=calcified * voxel / count if count else None,
        )


def _label(mask: Array) -> tuple[Array, int, tuple[int, int, int]]:
    """Label the 6-connected components within their box; also give the box's first voxel."""
    box = nonzero_box(mask)
    if box is None:
        return np.zeros((0, 0, 0), np.int32), 0, (0, 0, 0)
    labels, count = ndimage.label(mask[box], _CROSS)
    return labels, int(count), start_of(box)


def _clusters(view: _Crop, vessel_map: Array) -> tuple[Cluster, ...]:
    """List the clusters of each territory, largest first."""
    found = []
    for territory in Territory:
        labels, count, start = _label(view.calcified & (view.territories == territory))
        if not count:
            continue
        inner = np.argwhere(labels)
        number = labels[tuple(inner.T)] - 1
        at = inner + start
        sizes = np.bincount(number)
        centroids = np.stack([np.bincount(number, weights=axis) / sizes for axis in (at + view.start).T[::-1]], axis=1)
        positions = view.geometry.to_physical(centroids)
        vessel_votes = np.zeros((count, len(Vessel) + 1))
        np.add.at(vessel_votes, (number, vessel_map[tuple(at.T)]), 1)
        peak = mean = None
        if view.hu is not None:
            values = view.hu[tuple(at.T)]
            peak = ndimage.maximum(values, number, np.arange(count))
            mean = np.bincount(number, weights=values) / sizes
        winners = np.argmax(vessel_votes, axis=1)
        volumes = sizes * view.geometry.voxel_volume_mm3
        for n, vessel in enumerate(winners):
            found.append(
                Cluster(
                    territory=territory,
                    vessel=list(Vessel)[vessel - 1] if vessel else None,
                    volume_mm3=float(volumes[n]),
                    centroid_mm=(float(positions[n, 0]), float(positions[n, 1]), float(positions[n, 2])),
                    max_hu=None if peak is None else float(peak[n]),
                    mean_hu=None if mean is None else float(mean[n]),
                )
            )
    # Territory and place settle ties, so that numbers of plaques do not depend on how the axes are stored.
    return tuple(sorted(found, key=lambda c: (-c.volume_mm3, c.territory, c.centroid_mm)))


def _missing_status(territory: Territory, full: Image, not_given: Collection[str]) -> Status:
    """Say why a territory has no voxels, from the unshortened map in canonical storage."""
    labelled = bool((full.array == territory).any())
    if labelled and territory in SIDE_TERRITORIES and territory not in attached(full):
        return Status.DETACHED
    if labelled or territory.key in not_given:
        # Labelled at full length, it is in view; what nobody looked for, the field of view does not excuse.
        return Status.ABSENT
    if not (full.array == Territory.AORTA).any():
        return Status.NOT_IN_VIEW
    # An aorta that is cut off by the first or last slice goes on there, and so may what leaves it beyond.
    beyond = {Territory.ILIAC: 0, Territory.MESENTERIC: -1, Territory.RENAL: -1}.get(territory)
    if beyond is not None and (full.array[beyond] == Territory.AORTA).any():
        return Status.NOT_IN_VIEW
    return Status.ABSENT


def _combined_status(parts: Iterable[Status]) -> Status:
    statuses = set(parts)
    if statuses & {Status.ABSENT, Status.DETACHED, Status.NOT_IN_VIEW}:
        return Status.INCOMPLETE
    return Status.TRUNCATED if Status.TRUNCATED in statuses else Status.OK
