"""One picture of a case: what was seen, what was kept and cut, where the plaques are, the burdens."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from ..anatomy import CALCIFICATION_STRUCTURES, COMBINED, STRUCTURES, CalcificationLabel, Territory
from ..images.boxes import nonzero_box, pad_box
from ..images.geometry import Array, Geometry, Image
from ..results import CaseResult, ScoredCase
from ..wording import counted
from .projections import nearest_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARGIN_MM = 15.0
WINDOW_HU = (-50.0, 900.0)
CUT_GREY = (0.80, 0.80, 0.82)
PLAQUE_COLOUR = (0.10, 0.10, 0.12)
COMBINED_GREY = (0.45, 0.45, 0.48)


def overview_png(cta: Image, scored: ScoredCase) -> bytes | None:
    """Draw a case: CTA, arteries and calcification from the front and from the left, and the burdens.

    Parameters
    ----------
    cta : Image
        HU.
    scored : ScoredCase
        Scores and label maps on the CTA's grid.

    Returns
    -------
    bytes or None
        A PNG file; None where matplotlib is not installed, so that scores need no drawing library.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None

    geometry = cta.geometry.canonical()
    arteries = scored.territories.canonical().array
    box = nonzero_box(arteries) or tuple(slice(0, n) for n in arteries.shape)
    padding = int(np.ceil(MARGIN_MM / min(geometry.spacing)))
    wide = pad_box(box, padding, arteries.shape)  # type: ignore[arg-type]
    slab = (wide[0], box[1], wide[2])
    front, side = (n * mm for n, mm in zip(arteries[wide].shape[:0:-1], geometry.spacing, strict=False))
    figure = Figure(figsize=(13.0, 6.2), dpi=120, layout="constrained")
    # Widths in millimetres, so that the three projections have one scale.
    axes = figure.subplots(1, 4, width_ratios=(front, front, side, front))
    # The slab leaves out what lies before and behind the arteries, most of the spine above all.
    _show(
        axes[0],
        cta.canonical().array[slab].max(axis=1),
        geometry,
        "x",
        cmap="gray",
        vmin=WINDOW_HU[0],
        vmax=WINDOW_HU[1],
    )
    axes[0].set_title("CTA, maximum intensity")
    _scale_bar(axes[0])
    maps = (scored.territories, scored.shortened, scored.calcification)
    full, kept, marked = (image.canonical().array[wide] for image in maps)
    for axis, along, title in ((axes[1], 1, "Arteries kept and cut, front"), (axes[2], 2, "from the left")):
        _show(axis, _paint(full, kept, marked, along), geometry, "x" if along == 1 else "y")
        axis.set_title(title)
    _mark_sides(axes)
    _bars(axes[3], scored.result)
    _legend(figure)
    figure.suptitle(f"{scored.result.case}: arterial calcification", fontsize=14, x=0.01, ha="left")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Description": "Research software, not a medical device."})
    return picture.getvalue()


def _show(axis: Axes, picture: Array, geometry: Geometry, across: str, **style: Any) -> None:
    """Show a projection with its millimetres, superior up."""
    columns = geometry.spacing["xy".index(across)] * picture.shape[1]
    rows = geometry.spacing[2] * picture.shape[0]
    axis.imshow(picture, origin="lower", extent=(0, columns, 0, rows), interpolation="nearest", **style)
    axis.set_xticks([])
    axis.set_yticks([])


def _scale_bar(axis: Axes) -> None:
    """Draw 50 mm; one bar will do, the three projections have the same scale."""
    right = axis.get_xlim()[1] - 10
    axis.plot([right - 50, right], [6, 6], color="white", lw=3)
    axis.text(right - 25, 10, "50 mm", ha="center", color="white", fontsize=9)


def _paint(territories: Array, shortened: Array, calcification: Array, along: int) -> Array:
    """Project the label maps along an array axis: cut grey, kept coloured and shaded, plaques dark."""
    depth = shortened.shape[along]
    shape = (*(n for axis, n in enumerate(shortened.shape) if axis != along), 3)
    picture = np.ones(shape)
    picture[(territories > 0).any(axis=along)] = CUT_GREY
    labels, first = nearest_labels(shortened, along)
    shade = 1 - 0.35 * (first - first[labels > 0].min(initial=depth)) / max(depth, 1)
    for territory, structure in STRUCTURES.items():
        where = labels == territory
        picture[where] = np.array(structure.colour) / 255 * shade[where][:, None]
    plaque = ((calcification == CalcificationLabel.CALCIFICATION) & (shortened > 0)).any(axis=along)
    picture[plaque] = PLAQUE_COLOUR
    return picture


def _mark_sides(axes: Any) -> None:
    """Write the patient's sides into the projections."""
    for axis, (near, far) in zip(axes[:3], (("R", "L"), ("R", "L"), ("A", "P")), strict=True):
        colour = "white" if axis is axes[0] else "black"
        for x, side, align in ((0.03, near, "left"), (0.97, far, "right")):
            axis.text(x, 0.98, side, transform=axis.transAxes, ha=align, va="top", color=colour, weight="bold")


def _bars(axis: Axes, result: CaseResult) -> None:
    """Draw the burdens as bars, with the figures written out."""
    names = [territory.key for territory in Territory] + [COMBINED]
    rows = [result.scores.territories[name] for name in names]
    colours = [np.array(structure.colour) / 255 for structure in STRUCTURES.values()] + [np.array(COMBINED_GREY)]
    burdens = [100 * (row.burden or 0) for row in rows]
    axis.barh(range(len(rows)), burdens, color=colours, height=0.62)
    for position, row in enumerate(rows):
        if row.burden is None:
            told = row.status.value.replace("_", " ")
        else:
            plaques = counted(row.cluster_count, "cluster")
            told = f" {100 * row.burden:.1f} %   {row.calcified_volume_mm3:,.0f} mm³, {plaques}".replace(",", " ")
        axis.text(0, position - 0.42, told, va="bottom", fontsize=9)
    axis.set_yticks(range(len(rows)), [name.capitalize() for name in names])
    axis.set_ylim(len(rows) - 0.5, -0.8)
    axis.set_xlabel("burden, % of the artery's volume")
    axis.set_title("Scores")
    axis.spines[["top", "right"]].set_visible(False)


def _legend(figure: Any) -> None:
    """Explain the colours below the projections."""
    from matplotlib.patches import Patch

    patches = [Patch(color=np.array(s.colour) / 255, label=s.title) for s in STRUCTURES.values()]
    patches.append(Patch(color=CUT_GREY, label="cut off"))
    patches.append(Patch(color=PLAQUE_COLOUR, label=CALCIFICATION_STRUCTURES[CalcificationLabel.CALCIFICATION].title))
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), frameon=False)
