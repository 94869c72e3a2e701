"""The CT scanner: blur, slice thickness, noise, calibration and field of view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..images.geometry import Array
from .tubes import Axes

HU_RANGE = (-1024, 3071)
"""Intensities that a 12-bit CT stores; the lowest is where nothing was imaged."""

_FWHM = 2.355
_OWN_BLUR = 0.2  # of a drawn voxel, standard deviation in voxels
_LEAST_BLUR = 0.33  # voxels: the tissues of a coarse grid are drawn with hard edges


@dataclass(frozen=True)
class Scanner:
    """How a patient is imaged.

    Attributes
    ----------
    blur_mm : float
        Standard deviation of the blur within a slice.
    slice_mm : float
        Slice thickness: full width at half maximum along z.
    noise_hu : float
        Standard deviation of the noise.
    noise_mm : float
        Its correlation length within a slice (standard deviation of the filter).
    gain, offset_hu : float
        Error of the calibration.
    cupping : float
        Beam hardening: how much the middle of the patient is too dark, as a share of (HU + 1000).
    streaks : float
        How much longer the noise is from left to right than from front to back, as behind shoulders and hips.
    sharpening : float
        Overshoot of a sharp kernel at edges, as a share of them.
    motion_mm : float
        How far the patient moved during the scan.
    """

    blur_mm: float
    slice_mm: float
    noise_hu: float
    noise_mm: float
    gain: float
    offset_hu: float
    cupping: float
    streaks: float
    sharpening: float
    motion_mm: float


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """Draw a scanner with its protocol."""
    thick = rng.choice(3, p=[0.5, 0.3, 0.2])
    return Scanner(
        blur_mm=float(rng.uniform(0.35, 1.1)),
        slice_mm=float((rng.uniform(0.5, 1.5), rng.uniform(1.5, 3), rng.uniform(3, 5))[thick]),
        noise_hu=float(np.exp(rng.uniform(np.log(5), np.log(45)))),
        noise_mm=float(rng.uniform(0.2, 1.6)),
        gain=float(rng.normal(1, 0.02)),
        offset_hu=float(rng.normal(0, 5)),
        cupping=float(rng.uniform(0, 0.02)),
        streaks=float(rng.uniform(2, 6) if rng.random() < 0.15 else 1),
        sharpening=float(rng.uniform(0.3, 1.2) if rng.random() < 0.2 else 0),
        motion_mm=float(rng.uniform(1, 4) if rng.random() < 0.08 else 0),
    )


def scan(rng: np.random.Generator, scanner: Scanner, image: Array, axes: Axes) -> Array:
    """Image a drawn patient.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the noise.
    scanner : Scanner
        What scans.
    image : ndarray of float32, shape (k, j, i)
        HU of what is there.
    axes : Axes
        Its grid.

    Returns
    -------
    ndarray of float32, shape (k, j, i)
        The CT, HU.
    """
    steps = np.array(axes.steps)
    wanted = np.array([scanner.slice_mm / _FWHM, scanner.blur_mm, scanner.blur_mm])
    own = steps * _OWN_BLUR
    image = _blur(image, np.maximum(np.sqrt(np.maximum(wanted**2 - own**2, 0)) / steps, _LEAST_BLUR))
    if scanner.motion_mm:
        moved = ndimage.shift(image, [0, scanner.motion_mm / steps[1], 0.5 * scanner.motion_mm / steps[2]], order=1)
        image = np.where(moved == 0, image, 0.5 * (image + moved))
    if scanner.sharpening:
        image = image + np.float32(scanner.sharpening) * (image - _blur(image, np.array([0.0, 1.2, 1.2])))
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    grain = np.array([0.6 * scanner.slice_mm / _FWHM, scanner.noise_mm, scanner.noise_mm * scanner.streaks]) / steps
    noise = _blur(noise, grain)
    image += noise * np.float32(scanner.noise_hu / max(float(noise.std()), 1e-6))
    y = np.linspace(-1, 1, image.shape[1], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, image.shape[2], dtype=np.float32)
    image -= np.float32(scanner.cupping) * (1 - 0.5 * (x**2 + y**2)) * np.clip(image + 1000, 0, 1300)
    return np.asarray(image * np.float32(scanner.gain) + np.float32(scanner.offset_hu))


def _blur(image: Array, sigma: Array) -> Array:
    for axis, width in enumerate(sigma):
        if width > 0.2:
            image = ndimage.gaussian_filter1d(image, width, axis=axis, truncate=3.0)
    return image


def cut_field_of_view(rng: np.random.Generator, image: Array, labels: Array) -> None:
    """Cut off a random part at some sides: air in the image, background in the labels (both in place)."""
    for axis, n in enumerate(image.shape):
        for end in (False, True):
            if rng.random() < 0.35:
                count = int(rng.uniform(0, 0.3) * n)
                cut: list[slice] = [slice(None)] * 3
                cut[axis] = slice(n - count, n) if end else slice(0, count)
                image[tuple(cut)] = HU_RANGE[0]
                labels[tuple(cut)] = 0
