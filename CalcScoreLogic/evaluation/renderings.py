"""Reference and prediction side by side: shaded projections from the front, without a 3-D library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from ..anatomy import CALCIFICATION_STRUCTURES, STRUCTURES, CalcificationLabel, Territory
from ..images.boxes import Box, nonzero_box
from ..images.files import read_ct
from ..images.geometry import Array, Image
from ..shortening import shorten
from ..thresholding import Thresholding
from .cases import StudyCase, StudyParameters
from .measure import CALCIFICATION, apply_thresholds, read_maps
from .style import COLUMN_INCHES, RC, Picture, capital, save
from .tables import methods_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .study import Study

PIXEL_MM = 0.35
MARGIN_MM = 6.0
ARTERY_GREY = (0.62, 0.62, 0.66)

_LIGHT = np.array([0.45, -0.8, -0.35])
"""Towards the light, along (z, y, x): from above, in front, and the viewer's left."""

_BLUR_VOXELS = 0.8
_SHADING_BLUR_VOXELS = 1.5
_BELOW_MM = 12.0


def draw_renderings(study: Study, folder: Path) -> list[Picture]:
    """Draw the case of median and the case of lowest calcification Dice of the first method.

    Parameters
    ----------
    study : Study
        What to draw.
    folder : Path
        Where to; a PNG and an SVG a figure.

    Returns
    -------
    list of Picture
        Nothing where no case has a Dice.
    """
    import matplotlib as mpl

    methods = methods_of(study.cases)
    dice = study.cases[
        (study.cases["measure"] == "dice")
        & (study.cases["structure"] == CALCIFICATION)
        & (study.cases["method"] == methods[0])
    ].dropna(subset=["value"])
    ranked = dice.sort_values(["value", "case"])
    if not len(ranked):
        return []
    by_name = {case.name: case for case in study.done}
    pictures: list[Picture] = []
    with mpl.rc_context(RC):
        for word, row in (("median", ranked.iloc[(len(ranked) - 1) // 2]), ("lowest", ranked.iloc[0])):
            which = f"case of {word} calcification Dice ({row['value']:.2f}, {methods[0]})"
            pictures += _draw_case(by_name[row["case"]], study.parameters, methods, word, which, folder)
    return pictures


def _draw_case(
    case: StudyCase, parameters: StudyParameters, methods: list[str], word: str, which: str, folder: Path
) -> Iterator[Picture]:
    """Draw arteries and calcification of one case."""
    truth = read_maps(case.reference)
    sides = {"reference": truth, **{name: read_maps(files, truth[0]) for name, files in case.predictions.items()}}
    full = {name: territories for name, (territories, _) in sides.items()}
    plaques = {name: calcification for name, (_, calcification) in sides.items()}
    plaques |= _threshold_maps(case, parameters, full, plaques["reference"])
    arteries = {
        name: shorten(image, parameters.shortening).territories.canonical().array for name, image in full.items()
    }
    spacing = full["reference"].canonical().geometry.spacing[::-1]
    box = _shared_box(list(arteries.values()), spacing)
    seen = {name: _shaded(array[box], spacing) for name, array in arteries.items()}
    views = {name: _painted(*view, coloured=True) for name, view in seen.items()}
    kind = "Reference and prediction side by side"
    caption = f"Shortened arteries from the front, {which}."
    yield save(_side_by_side(views, _territory_legend), folder, f"arteries_{word}", kind, caption)
    grey = {name: _painted(*view, coloured=False) for name, view in seen.items()}
    first = next(iter(case.predictions))
    marked = {}
    for name in ["reference", *methods]:
        if name in plaques:
            under = name if name in grey else first
            calcified = plaques[name].canonical().array[box] == CalcificationLabel.CALCIFICATION
            inside = calcified & (arteries[under][box] > 0)
            marked[name] = _mark(grey[under], inside, spacing)
    caption = f"Calcification in the shortened arteries, projected from the front, {which}."
    yield save(_side_by_side(marked, _calcification_legend), folder, f"calcification_{word}", kind, caption)


def _threshold_maps(
    case: StudyCase, parameters: StudyParameters, full: dict[str, Image], truth: Image
) -> dict[str, Image]:
    """Give the calcification by the thresholds, as far as they can be used."""
    if case.cta is None:
        return {}
    first = full[next(iter(case.predictions))]
    found = apply_thresholds(read_ct(case.cta), full["reference"], truth, first, parameters.fixed_hu)
    return {name: result.calcification for name, result in found if isinstance(result, Thresholding)}


def _shared_box(arrays: list[Array], spacing: tuple[float, ...]) -> Box:
    """Find the box that holds the arteries of all sides, so that they are drawn alike."""
    union = np.any([array > 0 for array in arrays], axis=0)
    return nonzero_box(union, int(np.ceil(MARGIN_MM / min(spacing)))) or (slice(None),) * 3


def _shaded(labels: Array, spacing: tuple[float, ...]) -> tuple[Array, Array]:
    """See a territory map from the front; superior is at the end of the first axis.

    Gives the label of the nearest surface, 0 beside the arteries, and its brightness in the light of `_LIGHT`.
    """
    arteries = (labels > 0).astype(np.float32)
    # No voxel is smoothed away: a thin artery must not look torn.
    solid = np.maximum(ndimage.gaussian_filter(arteries, _BLUR_VOXELS), 0.55 * arteries)
    fine = (spacing[0] / PIXEL_MM, 1.0, spacing[2] / PIXEL_MM)
    field = ndimage.zoom(solid, fine, order=1, mode="nearest", grid_mode=True)
    field[:, 0] = 0
    z, x = np.nonzero((field > 0.5).any(axis=1))
    behind = np.argmax(field[z, :, x] > 0.5, axis=1)
    before, after = field[z, behind - 1, x], field[z, behind, x]
    depth = behind - 1 + (0.5 - before) / (after - before)
    at = np.stack([(z + 0.5) / fine[0] - 0.5, depth, (x + 0.5) / fine[2] - 0.5])
    # Steps of the voxels are no shape of the artery: the light falls on a smoother surface.
    slopes = np.gradient(ndimage.gaussian_filter(arteries, _SHADING_BLUR_VOXELS), *spacing)
    normals = -np.stack([ndimage.map_coordinates(slope, at, order=1, mode="nearest") for slope in slopes], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    seen, bright = np.zeros(field.shape[::2], np.uint8), np.zeros(field.shape[::2])
    bright[z, x] = 0.4 + 0.6 * np.clip(normals @ (_LIGHT / np.linalg.norm(_LIGHT)), 0, 1)
    nearest = ndimage.distance_transform_edt(labels == 0, sampling=spacing, return_distances=False, return_indices=True)
    seen[z, x] = ndimage.map_coordinates(labels[tuple(nearest)], at, order=0, mode="nearest")
    return seen, bright


def _painted(seen: Array, bright: Array, coloured: bool) -> Array:
    """Give a view its colours: those of the territories, or grey; white beside the arteries."""
    palette = np.ones((len(Territory) + 1, 3))
    for territory, structure in STRUCTURES.items():
        palette[territory] = np.array(structure.colour) / 255 if coloured else ARTERY_GREY
    return np.where(seen[..., None] > 0, palette[seen] * bright[..., None], 1.0)


def _mark(view: Array, plaques: Array, spacing: tuple[float, ...]) -> Array:
    """Lay the projected calcification over a view; thicker is denser."""
    thickness = ndimage.zoom(
        plaques.sum(axis=1) * spacing[1], (view.shape[0] / plaques.shape[0], view.shape[1] / plaques.shape[2]), order=1
    )
    opacity = np.clip(thickness / 1.5, 0, 1)[..., None]
    colour = np.array(CALCIFICATION_STRUCTURES[CalcificationLabel.CALCIFICATION].colour) / 255
    return np.asarray(view * (1 - opacity) + colour * opacity)


def _side_by_side(views: dict[str, Array], add_legend: Callable[[Figure], None]) -> Figure:
    """Show views of one size two in a row, with one scale bar."""
    from matplotlib.figure import Figure

    rows = (len(views) + 1) // 2
    height, width = next(iter(views.values())).shape[:2]
    below = _BELOW_MM / PIXEL_MM
    inches = COLUMN_INCHES / 2 * min((height + below) / width, 1.6)
    figure = Figure(figsize=(COLUMN_INCHES, rows * (inches + 0.2) + 0.35), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, (name, view) in zip(axes, views.items(), strict=False):
        axis.imshow(view, origin="lower", interpolation="bilinear")
        axis.set_ylim(-below, height)
        axis.set_title(capital(name), weight="bold")
    left, right = width / 2 - 25 / PIXEL_MM, width / 2 + 25 / PIXEL_MM
    axes[0].plot([left, right], [-1, -1], color="black", lw=1.5, solid_capstyle="butt")
    axes[0].text(width / 2, -3 / PIXEL_MM, "50 mm", ha="center", va="top")
    for x, side in ((0.0, "R"), (1.0, "L")):
        axes[0].text(x, 0.98, side, transform=axes[0].transAxes, ha="left" if side == "R" else "right", va="top")
    add_legend(figure)
    return figure


def _territory_legend(figure: Figure) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=np.array(s.colour) / 255, label=s.title) for s in STRUCTURES.values()]
    figure.legend(handles=patches, loc="outside lower center", ncols=4, frameon=False, handlelength=1)


def _calcification_legend(figure: Figure) -> None:
    from matplotlib.patches import Patch

    calcium = CALCIFICATION_STRUCTURES[CalcificationLabel.CALCIFICATION]
    patches = [
        Patch(color=ARTERY_GREY, label="Artery"),
        Patch(facecolor=np.array(calcium.colour) / 255, edgecolor="0.4", lw=0.4, label=calcium.title),
    ]
    figure.legend(handles=patches, loc="outside lower center", ncols=2, frameon=False, handlelength=1)
