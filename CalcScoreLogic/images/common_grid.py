"""Images brought onto one grid, whatever the order and signs of their axes; nothing is ever resampled."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .geometry import CORNERS, GRID_TOLERANCE, Array, Geometry, Image


def check_same_grid(first: Image, second: Image, first_name: str, second_name: str) -> None:
    """Refuse two images that do not share a grid.

    Parameters
    ----------
    first, second : Image
        The images to compare.
    first_name, second_name : str
        What the message calls them.

    Raises
    ------
    InputError
        The grids differ (`Geometry.difference`); the message names the difference.
    """
    difference = first.geometry.difference(second.geometry)
    if difference:
        raise InputError(
            f"{first_name} and {second_name} lie on different grids ({difference}), "
            "resample one of them onto the other's grid"
        )


def aligned(reference: Image, image: Image, reference_name: str, name: str) -> Image:
    """Give an image as it is stored on the grid of another: axes are reordered and flipped, nothing is resampled.

    Parameters
    ----------
    reference, image : Image
        Images on the same grid, whatever the order and signs in which the axes are stored.
    reference_name, name : str
        What the message calls them.

    Returns
    -------
    Image
        A view of `image` on exactly the grid of `reference`.

    Raises
    ------
    InputError
        The grids differ; the message names the difference.
    """
    if reference.geometry.difference(image.geometry) is not None:
        # Sizes that differ in the given order may be those of other axes.
        turned, target = image.canonical(), reference.geometry.canonical()
        if target.difference(turned.geometry) is None:
            return Image(reference.geometry.stored_view(turned.array), reference.geometry, image.notes)
    check_same_grid(reference, image, reference_name, name)
    return Image(image.array, reference.geometry, image.notes)


def laid_onto(array: Array, own: Geometry, grid: Geometry) -> Array | None:
    """Lay an array onto a grid that its own is a part of, whatever the order of the axes; nothing is resampled.

    Parameters
    ----------
    array : ndarray, shape (k, j, i)
        Values on `own`.
    own, grid : Geometry
        The part, and the whole.

    Returns
    -------
    ndarray, shape (k, j, i) of `grid`, or None
        0 outside the part; what of it lies outside the grid is left out. None where the voxels do not meet.
    """
    mine, theirs = own.canonical(), grid.canonical()
    ends = CORNERS * (np.array(mine.size) - 1)
    at = theirs.to_index(mine.to_physical(ends))
    first = np.rint(at[0]).astype(np.intp)
    if np.abs(at - (ends + first)).max() > 1.001 * GRID_TOLERANCE:
        return None
    low, high = np.maximum(first, 0), np.minimum(first + mine.size, theirs.size)
    whole = np.zeros(theirs.shape, array.dtype)
    if (high > low).all():
        target = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
        source = tuple(slice(a - f, b - f) for a, b, f in zip(low[::-1], high[::-1], first[::-1], strict=True))
        whole[target] = own.canonical_view(array)[source]
    return grid.stored_view(whole)
