"""Checks of a CT before any network has seen it: slices, gaps, coverage, motion."""

from __future__ import annotations

import numpy as np

from ..images.geometry import Array, Image
from ..wording import counted
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

_SAMPLE, _FEWEST_VOXELS, _FEWEST_VALUES = 300_000, 20_000, 50
_NOTABLE_SHARE, _LEAST_TISSUE_SHARE = 0.05, 0.2
_PADDING_HU, _LUNG_HU, _GAS_HU = -1150.0, -650.0, -300.0
_DARKEST_HU, _TISSUE_HU, _BRIGHT_HU = -800.0, (-150.0, 200.0), 850.0
_MOST_BRIGHT, _LEAST_SPAN_HU = 0.15, 260.0
_CUT_OFF_HU, _CUT_OFF_SHARE, _CUT_OFF_VALUES = 400.0, 1e-3, 200
_BAND_HU = 40
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
    found = [*_thick(max(image.geometry.spacing)), *_empty_slices(image), *_motion(image)]
    found += value_warnings(cta)
    if height < LEAST_HEIGHT_MM:
        found.append(
            CodedWarning(
                WarningCode.CUT_FIELD_OF_VIEW,
                f"The volume is only {height:.0f} mm tall; the abdominal aorta with its branches needs about "
                f"{LEAST_HEIGHT_MM:.0f} mm, some arteries will not be in view.",
            )
        )
    return tuple(found)


def value_warnings(cta: Image) -> tuple[CodedWarning, ...]:
    """Check whether the values of a CT can be HU; and tell what was left out when it was read.

    Parameters
    ----------
    cta : Image
        HU, if they are.

    Returns
    -------
    tuple of CodedWarning
        One sentence for the first thing that contradicts HU, and the notes of the image.

    Notes
    -----
    Air is at -1000 HU, lung about -850, fat -100, muscle and organs 20 to 150, blood with contrast agent 200 to 700,
    bone and calcium above; a part of a body can hold any of these or not, so that only what is there is looked at.
    Images of fewer than 50 different values are drawn ones, and small ones tell too little.
    """
    found = [CodedWarning(WarningCode.LEFT_OUT, note) for note in cta.notes]
    if cta.array.size >= _FEWEST_VOXELS:
        step = max(1, int(np.ceil((cta.array.size / _SAMPLE) ** (1 / 3))))
        sample = cta.array[::step, ::step, ::step].ravel().astype(np.float32)
        different = len(np.unique(sample))
        reason = _no_hu(sample, different) if different >= _FEWEST_VALUES else None
        if reason:
            text = (
                f"The values can hardly be HU: {reason}. Check how the CT was exported (rescale slope and intercept, "
                "window); the figures mean nothing until then."
            )
            found.append(CodedWarning(WarningCode.VALUES_NOT_HU, text))
    return tuple(found)


def _no_hu(values: Array, different: int) -> str | None:
    """Say what in some values contradicts HU; None where nothing does."""
    low, high, least, most = (float(v) for v in (*np.percentile(values, [0.1, 99.9]), values.min(), values.max()))
    if high - low < _LEAST_SPAN_HU:
        return f"they span only {high - low:.3g}, from fat to bone it is over 400 HU"
    share = float((values > _BRIGHT_HU).mean())
    if share > _MOST_BRIGHT:
        return f"{100 * share:.0f} % of the voxels are over {_BRIGHT_HU:.0f} HU, where only bone, calcium and metal are"
    return _no_air(values, least) or _no_tissue(values) or _cut_off(values, most, different)


def _no_air(values: Array, least: float) -> str | None:
    """Say where air seems to be, if it is not where air belongs."""
    share = float((values == least).mean())
    if share >= _NOTABLE_SHARE and least > _DARKEST_HU:
        return f"the darkest of them, {100 * share:.0f} % of the voxels, are {least:.4g} HU, and air is about -1000"
    below = values[values < _PADDING_HU]
    # What scanners put around the reconstructed circle is one value.
    if below.size >= _NOTABLE_SHARE * values.size and 2 * np.unique(below, return_counts=True)[1].max() < below.size:
        return f"{100 * below.size / values.size:.0f} % of the voxels are below {_PADDING_HU:.0f} HU, darker than air"
    dark = values[(values >= _PADDING_HU) & (values < _GAS_HU)]
    if dark.size < _NOTABLE_SHARE * values.size:
        return None
    usual = _densest(dark, _PADDING_HU, _GAS_HU)
    return f"air is about {usual:.0f} HU and not about -1000" if usual > _LUNG_HU else None


def _no_tissue(values: Array) -> str | None:
    """Say where fat and muscle seem to be, if they are not where they belong."""
    tissue = values[(values >= _GAS_HU) & (values < _BRIGHT_HU)]
    if tissue.size < _NOTABLE_SHARE * values.size:
        return f"only {100 * tissue.size / values.size:.1f} % of the voxels are in the range of soft tissue"
    # Around a bright aorta alone, blood is most of it.
    if ((tissue >= _TISSUE_HU[0]) & (tissue <= _TISSUE_HU[1])).mean() < _LEAST_TISSUE_SHARE:
        usual = _densest(tissue, _GAS_HU, _BRIGHT_HU)
        return f"most tissue is about {usual:.0f} HU, and fat is about -100 and muscle about 60"
    return None


def _cut_off(values: Array, most: float, different: int) -> str | None:
    """Say where bright values end, if calcium is beyond it."""
    share = float((values == most).mean())
    if most > _CUT_OFF_HU or share < _CUT_OFF_SHARE or different < _CUT_OFF_VALUES:
        return None
    return f"they end at {most:.4g} HU ({100 * share:.1f} % of the voxels), so that calcium has been cut off"


def _densest(values: Array, low: float, high: float) -> float:
    """Give the middle of the band of 40 HU that holds most values, HU."""
    counts, _ = np.histogram(values, bins=np.arange(low, high + 1, 10))
    width = _BAND_HU // 10
    start = int(np.convolve(counts, np.ones(width), "valid").argmax())
    return float(low + 10 * start + _BAND_HU / 2)


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
        return _thick(thickness_mm) if spacing_mm <= THICKEST_MM else ()
    if spacing_mm > (1 + _OVERLAP_SHARE) * thickness_mm:
        text = (
            f"Slices of {thickness_mm:g} mm lie {spacing_mm:.3g} mm apart: the tissue between them was not imaged, "
            "small plaques can be missed."
        )
        return (CodedWarning(WarningCode.GAPS, text),)
    return ()


def _thick(thickness_mm: float) -> tuple[CodedWarning, ...]:
    if thickness_mm <= THICKEST_MM + 1e-3:
        return ()
    text = f"The slices are {thickness_mm:.3g} mm thick; over {THICKEST_MM:g} mm small plaques and branches blur away."
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
    empty_slices = f"{counted(inside.size, 'slice')} inside the volume {'is' if inside.size == 1 else 'are'} empty"
    return [CodedWarning(WarningCode.GAPS, f"{empty_slices} (from z = {place:.0f} mm): export the whole series.")]


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
