"""The voxels of each calcification, and where to look at it: a voxel that lies in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from ..anatomy import CalcificationLabel
from ..images.boxes import nonzero_box
from ..images.geometry import Array, Geometry, Image
from ..scoring import Cluster

_CROSS = ndimage.generate_binary_structure(3, 1)
_SAME_MM = 1e-3


def cluster_voxels(clusters: Sequence[Cluster], territories: Image, calcification: Image) -> list[Array]:
    """Find the voxels of each cluster.

    Parameters
    ----------
    clusters : sequence of Cluster
        What `scoring.score` found.
    territories, calcification : Image
        The maps it found them in, or a part of them.

    Returns
    -------
    list of ndarray, shape (n, 3)
        Indices (k, j, i); none where the maps hold that cluster no more.
    """
    found = [np.empty((0, 3), int) for _ in clusters]
    box = nonzero_box(calcification.array)
    if box is None:
        return found
    voxel_mm3 = calcification.geometry.voxel_volume_mm3
    calcified = calcification.array[box] == CalcificationLabel.CALCIFICATION
    for territory in {cluster.territory for cluster in clusters}:
        inside = calcified & (territories.array[box] == territory)
        tight = nonzero_box(inside)
        if tight is None:
            continue
        labels, _ = ndimage.label(inside[tight], _CROSS)
        at = np.argwhere(labels)
        number = labels[tuple(at.T)] - 1
        at += [part.start + inner.start for part, inner in zip(box, tight, strict=True)]
        sizes = np.bincount(number)
        places = territories.geometry.to_physical(at[:, ::-1])
        centroids = np.stack([np.bincount(number, weights=axis) / sizes for axis in places.T], axis=1)
        voxels = np.split(at[np.argsort(number, kind="stable")], np.cumsum(sizes)[:-1])
        for n, cluster in enumerate(clusters):
            if cluster.territory is not territory:
                continue
            apart = np.linalg.norm(centroids - cluster.centroid_mm, axis=1)
            # Two plaques may share a centroid, one around the other; then their volumes tell them apart.
            apart[~np.isclose(sizes * voxel_mm3, cluster.volume_mm3)] = np.inf
            nearest = int(apart.argmin())
            if apart[nearest] < _SAME_MM:
                found[n] = voxels[nearest]
    return found


def inner_positions(
    clusters: Sequence[Cluster], voxels: Sequence[Array], geometry: Geometry
) -> list[tuple[float, float, float]]:
    """Find the voxel of each cluster that is nearest to its centroid.

    Parameters
    ----------
    clusters : sequence of Cluster
        What `scoring.score` found.
    voxels : sequence of ndarray
        What `cluster_voxels` found of them.
    geometry : Geometry
        The grid of these voxels.

    Returns
    -------
    list of tuple of float
        Voxel centres, LPS mm; the centroid itself where no voxels are known.

    Notes
    -----
    The centroid of a crescent in the wall lies in the lumen; a reader wants to see the plaque.
    """
    positions = []
    for cluster, own in zip(clusters, voxels, strict=True):
        places = geometry.to_physical(own[:, ::-1]) if len(own) else np.array([cluster.centroid_mm])
        x, y, z = places[np.linalg.norm(places - cluster.centroid_mm, axis=1).argmin()]
        positions.append((float(x), float(y), float(z)))
    return positions
