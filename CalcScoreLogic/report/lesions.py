"""Where to look at each calcification: a voxel that lies in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from ..anatomy import CalcificationLabel
from ..images.geometry import Image, nonzero_box
from ..scoring import Cluster

_CROSS = ndimage.generate_binary_structure(3, 1)
_SAME_MM = 1e-3


def inner_positions(
    clusters: Sequence[Cluster], territories: Image, calcification: Image
) -> list[tuple[float, float, float]]:
    """Find the voxel of each cluster that is nearest to its centroid.

    Parameters
    ----------
    clusters : sequence of Cluster
        What `scoring.score` found.
    territories, calcification : Image
        The maps it found them in, or a part of them.

    Returns
    -------
    list of tuple of float
        Voxel centres, LPS mm; the centroid itself where the maps hold that cluster no more.

    Notes
    -----
    The centroid of a crescent in the wall lies in the lumen; a reader wants to see the plaque.
    """
    positions = [cluster.centroid_mm for cluster in clusters]
    box = nonzero_box(calcification.array)
    if box is None:
        return positions
    voxel_mm3 = calcification.geometry.voxel_volume_mm3
    calcified = calcification.array[box] == CalcificationLabel.CALCIFICATION
    for territory in {cluster.territory for cluster in clusters}:
        inside = calcified & (territories.array[box] == territory)
        labels, _ = ndimage.label(inside, _CROSS)
        at = np.argwhere(labels)
        if not len(at):
            continue
        number = labels[tuple(at.T)] - 1
        at += [part.start for part in box]
        places = territories.geometry.to_physical(at[:, ::-1])
        sizes = np.bincount(number)
        centroids = np.stack([np.bincount(number, weights=axis) / sizes for axis in places.T], axis=1)
        order = np.argsort(number, kind="stable")
        voxels = np.split(places[order], np.cumsum(sizes)[:-1])
        for n, cluster in enumerate(clusters):
            if cluster.territory is not territory:
                continue
            apart = np.linalg.norm(centroids - cluster.centroid_mm, axis=1)
            # Two plaques may share a centroid, one around the other; then their volumes tell them apart.
            apart[~np.isclose(sizes * voxel_mm3, cluster.volume_mm3)] = np.inf
            found = int(apart.argmin())
            if apart[found] < _SAME_MM:
                own = voxels[found]
                x, y, z = own[np.linalg.norm(own - centroids[found], axis=1).argmin()]
                positions[n] = (float(x), float(y), float(z))
    return positions
