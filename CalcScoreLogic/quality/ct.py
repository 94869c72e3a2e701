"""Checks of a CT before any network has seen it: slices, gaps, coverage, motion."""

from __future__ import annotations

import numpy as np

from ..images.geometry import Array, Image
from .codes import CodedWarning, WarningCode

THICKEST_MM = 3.0
"""A renal artery is about 5 mm wide: in thicker slices its calcification is mostly partial volume."""

LEAST_HEIGHT_MM = 150.0
"""The abdominal aorta is about 130 mm long; with less than this, branches or iliac arteries are not in view."""

LARGEST_SHIFT_MM = 3.0
"""More than half the width of a renal artery: the pieces of a branch no longer meet."""

_OVERLAP_SHARE = 0.1
_PIXEL_MM = 2.0
_WINDOW_HU = (-200.0, 300.0)
_LOOKED_AT = 8
_ALIKE = 0.8
_BETTER = 0.03


def ct_warnings(cta: Image) -> tuple[CodedWarning, ...]:
    """Check a CT by itself.

    Parameters
    ----------
    cta : Image
        HU.

    Returns
    -------
    tuple of CodedWarning
        What a reader should know before a run; empty where nothing was found.
    """
    image = cta.canonical()
    height = image.geometry.spacing[2] * image.geometry.size[2]
    found = [*_thick(max(image.geometry.spacing), "slices"), *_empty_slices(image), *_motion(image)]
    if height < LEAST_HEIGHT_MM:
        found.append(
            CodedWarning(
                WarningCode.CUT_FIELD_OF_VIEW,
                f"The volume is only {height:.0f} mm tall; the abdominal aorta with its branches needs about "
                f"{LEAST_HEIGHT_MM:.0f} mm, some arteries will not be in view.",
            )
        )
    return tuple(found)


def header_warnings(spacing_mm: float | None, thickness_mm: float | None) -> tuple[CodedWarning, ...]:
    """Check what only a DICOM header tells.

    Parameters
    ----------
    spacing_mm : float or None
        Distance between slices.
    thickness_mm : float or None
        Thickness of a slice.

    Returns
    -------
    tuple of CodedWarning
        Thick slices that overlap, and thin ones that leave tissue between them unseen.
    """
    if spacing_mm is None or thickness_mm is None:
        return ()
    if thickness_mm > spacing_mm:
        # The distance itself is checked on the image.
        return _thick(thickness_mm, "slices") if spacing_mm <= THICKEST_MM else ()
    if spacing_mm > (1 + _OVERLAP_SHARE) * thickness_mm:
        text = (
            f"Slices of {thickness_mm:g} mm lie {spacing_mm:.3g} mm apart: the tissue between them was not imaged, "
            "small plaques can be missed."
        )
        return (CodedWarning(WarningCode.GAPS, text),)
    return ()


def _thick(thickness_mm: float, what: str) -> tuple[CodedWarning, ...]:
    if thickness_mm <= THICKEST_MM + 1e-3:
        return ()
    text = f"The {what} are {thickness_mm:.3g} mm thick; over {THICKEST_MM:g} mm small plaques and branches blur away."
    return (CodedWarning(WarningCode.THICK_SLICES, text),)


def _empty_slices(image: Image) -> list[CodedWarning]:
    """Warn of slices without content between slices with content."""
    flat = image.array.reshape(len(image.array), -1)
    # A slice that differs nowhere from its first voxel; the first few voxels settle nearly all of them.
    empty = np.array([bool((row[:1000] == row[0]).all() and (row == row[0]).all()) for row in flat])
    full = np.flatnonzero(~empty)
    if not full.size:
        return []
    inside = np.flatnonzero(empty[full[0] : full[-1]]) + full[0]
    if not inside.size:
        return []
    place = image.geometry.to_physical([0, 0, int(inside[0])])[2]
    text = f"{inside.size} slices inside the volume are empty (from z = {place:.0f} mm): export the whole series."
    return [CodedWarning(WarningCode.GAPS, text if inside.size > 1 else text.replace("1 slices", "1 slice", 1))]


def _motion(image: Image) -> list[CodedWarning]:
    """Warn where a slice is shifted sideways against the one before it.

    Notes
    -----
    The shift is where the phase correlation of the two slices peaks; it counts where the slices then match
    better than they did. Only pairs that differ most from each other, compared with their neighbours, are
    looked at.
    """
    across, down = (max(1, round(_PIXEL_MM / spacing)) for spacing in image.geometry.spacing[:2])
    small = np.clip(image.array[:, ::down, ::across], *_WINDOW_HU).astype(np.float32)
    if min(small.shape) < 8:
        return []
    change = np.abs(np.diff(small, axis=0)).mean(axis=(1, 2))
    around = np.array([np.median(change[max(0, k - 4) : k + 5]) for k in range(len(change))])
    pixel = np.array([down * image.geometry.spacing[1], across * image.geometry.spacing[0]])
    worst, at = 0.0, 0
    for k in np.argsort(-change / np.maximum(around, 1e-6), kind="stable")[:_LOOKED_AT]:
        shift = _shift(small[k], small[k + 1])
        length = float(np.linalg.norm(shift * pixel))
        # One pixel is within the method's error.
        if (
            np.abs(shift).max() > 1
            and length > max(worst, LARGEST_SHIFT_MM)
            and _is_real(small[k], small[k + 1], shift)
        ):
            worst, at = length, int(k)
    if not worst:
        return []
    place = image.geometry.to_physical([0, 0, at])[2]
    text = (
        f"The patient moved: the image jumps sideways by about {worst:.0f} mm at z = {place:.0f} mm; "
        "check the arteries there."
    )
    return [CodedWarning(WarningCode.MOTION, text)]


def _shift(first: Array, second: Array) -> Array:
    """Give the shift of a slice against another in pixels, (rows, columns)."""
    window = np.outer(np.hanning(first.shape[0]), np.hanning(first.shape[1])).astype(np.float32)
    spectra = [np.fft.rfft2((slice_ - slice_.mean()) * window) for slice_ in (first, second)]
    cross = spectra[1] * np.conj(spectra[0])
    size = np.abs(cross)
    peak = np.fft.irfft2(cross / (size + 1e-3 * size.max() + 1e-12), s=first.shape)
    place: Array = np.array(np.unravel_index(int(peak.argmax()), peak.shape))
    half = np.array(peak.shape) // 2
    shift: Array = (place + half) % peak.shape - half
    return shift


def _is_real(first: Array, second: Array, shift: Array) -> bool:
    """Tell whether two slices match after a shift, and better than before."""
    back = np.roll(second, tuple(-shift), axis=(0, 1))
    margin = np.abs(shift).max()
    inner = tuple(slice(margin, n - margin) for n in first.shape)
    if min(first[inner].shape) < 8:
        return False
    before, after = _correlation(first[inner], second[inner]), _correlation(first[inner], back[inner])
    return after > _ALIKE and after > before + _BETTER


def _correlation(first: Array, second: Array) -> float:
    """Give Pearson's r of two slices; 0 where one has no contrast."""
    a, b = first - first.mean(), second - second.mean()
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / size if size else 0.0
