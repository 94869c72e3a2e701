"""Projections for the report: the CTA, its arteries kept and cut, and the plaques; no drawing library needed."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from ..anatomy import CALCIFICATION_STRUCTURES, STRUCTURES, CalcificationLabel
from ..images.boxes import nonzero_box, pad_box
from ..images.geometry import Array, Image
from ..results import ScoredCase

CUT_COLOUR = (150, 190, 235)
"""What trimming took away: a pale blue that stays apart from bone and from the territories' colours."""

_MARGIN_MM = 15.0
_PIXEL_MM = 0.5
_WINDOW_HU = (-50.0, 700.0)
_BACKGROUND = 0.55
_CUT_OPACITY, _KEPT_OPACITY = 0.45, 0.75


@dataclass(frozen=True)
class Projection:
    """One picture of a case.

    Attributes
    ----------
    title : str
        What it shows.
    png : bytes
        A PNG file, superior up.
    left, right : str
        The patient's side at each edge.
    """

    title: str
    png: bytes
    left: str
    right: str


def projections(cta: Image, scored: ScoredCase) -> tuple[Projection, ...]:
    """Project a case from the front and from the left, at maximum intensity.

    Parameters
    ----------
    cta : Image
        HU.
    scored : ScoredCase
        Label maps on the CTA's grid.

    Returns
    -------
    tuple of Projection
        Coronal and sagittal, around the arteries. Kept arteries have their territory's colour, cut ones
        are pale blue, and calcification in kept arteries is bright yellow.
    """
    full = scored.territories.canonical().array
    box = nonzero_box(full) or (slice(0, full.shape[0]), slice(0, full.shape[1]), slice(0, full.shape[2]))
    geometry = cta.geometry.canonical()
    wide = pad_box(box, int(np.ceil(_MARGIN_MM / min(geometry.spacing))), full.shape)
    hu, kept, marked = (image.canonical().array for image in (cta, scored.shortened, scored.calcification))
    pictures = []
    for title, along, across, sides in (("Coronal", 1, 0, ("R", "L")), ("Sagittal", 2, 1, ("A", "P"))):
        # Depth without margin: less of the spine lies before or behind the arteries.
        view = tuple(box[axis] if axis == along else wide[axis] for axis in range(3))
        painted = _paint(hu[view], full[view], kept[view], marked[view], along)
        sized = _resize(painted, (geometry.spacing[2], geometry.spacing[across]))
        pictures.append(Projection(title, png(np.flipud(sized)), *sides))
    return tuple(pictures)


def png(picture: Array) -> bytes:
    """Write a picture as a PNG file.

    Parameters
    ----------
    picture : ndarray of uint8, shape (rows, columns, 3)
        sRGB, first row on top.

    Returns
    -------
    bytes
        The file.
    """
    rows, columns, _ = picture.shape
    # Each row begins with its filter type; 0 is none.
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), picture.reshape(rows, -1)], axis=1)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _paint(hu: Array, full: Array, kept: Array, marked: Array, along: int) -> Array:
    """Project a box along an array axis, uint8 with shape (z, other axis, 3)."""
    low, high = _WINDOW_HU
    grey = np.clip((hu.max(axis=along).astype(np.float32) - low) / (high - low), 0, 1) * 255 * _BACKGROUND
    picture = np.repeat(grey[..., None], 3, axis=2)
    cut = ((full > 0) & (kept == 0)).any(axis=along)
    picture[cut] += _CUT_OPACITY * (np.array(CUT_COLOUR) - picture[cut])
    labels, _ = nearest_labels(kept, along)
    for territory, structure in STRUCTURES.items():
        where = labels == territory
        picture[where] += _KEPT_OPACITY * (np.array(structure.colour) - picture[where])
    plaque = ((marked == CalcificationLabel.CALCIFICATION) & (kept > 0)).any(axis=along)
    picture[plaque] = CALCIFICATION_STRUCTURES[CalcificationLabel.CALCIFICATION].colour
    rounded: Array = np.rint(picture).astype(np.uint8)
    return rounded


def nearest_labels(territories: Array, along: int) -> tuple[Array, Array]:
    """Give the label nearest to the reader, and how deep in the box it lies.

    Parameters
    ----------
    territories : ndarray, shape (z, y, x)
        Labels, in canonical storage.
    along : int
        Axis that is looked along: 1 from the front, 2 from the patient's left.

    Returns
    -------
    labels, depth : ndarray
        Without the axis; depth in voxels from the reader's side.
    """
    # The reader stands in front (anterior) for y and at the patient's left for x.
    seen = territories if along == 1 else np.flip(territories, axis=along)
    depth = np.argmax(seen > 0, axis=along)
    return np.take_along_axis(seen, np.expand_dims(depth, along), axis=along).squeeze(along), depth


def _resize(picture: Array, spacing: tuple[float, float]) -> Array:
    """Bring a picture to square pixels, nearest neighbour, so that labels keep their colours."""
    at = []
    for n, mm in zip(picture.shape[:2], spacing, strict=True):
        count = max(1, round(n * mm / _PIXEL_MM))
        at.append(np.minimum(((np.arange(count) + 0.5) * n / count).astype(int), n - 1))
    resized: Array = picture[np.ix_(*at)]
    return resized
