"""How a case is shown in slices and in 3-D."""

from __future__ import annotations

from ..incremental_work import Steps, run_through
from . import structures
from .case_nodes import CaseNodes
from .surfaces import SURFACE, surface_steps

KEPT_OPACITY_3D = 0.45
"""Kept arteries let the plaques in their walls shine through."""

CUT_OPACITY_3D = 0.2
ARTERY_FILL_2D = 0.2
PLAQUE_FILL_2D = 0.7

_SMOOTHING = ("Smoothing factor", "0.2")
"""Slicer's own 0.5 makes the smallest plaques vanish."""


def apply_standard(case: CaseNodes) -> None:
    """Show the trimmed arteries and the plaques, and hide the full-length arteries.

    Parameters
    ----------
    case : CaseNodes
        The case.
    """
    shown = case.calcification.GetDisplayNode()
    shown.SetVisibility(True)
    shown.SetPreferredDisplayRepresentationName3D(SURFACE)
    for key in structures.TERRITORY_KEYS:
        _set_opacities(case, key, ARTERY_FILL_2D, KEPT_OPACITY_3D)
    _set_opacities(case, structures.CALCIFICATION, PLAQUE_FILL_2D, 1.0)
    hidden = case.arteries.GetDisplayNode()
    hidden.SetVisibility(False)
    hidden.SetPreferredDisplayRepresentationName3D(SURFACE)
    for key in structures.FULL_KEYS:
        hidden.SetSegmentVisibility(case.segment_id(key), False)
    cut = case.segment_id(structures.CUT)
    _set_opacities(case, structures.CUT, 0.0, CUT_OPACITY_3D)
    hidden.SetSegmentVisibility2DFill(cut, False)
    hidden.SetSegmentVisibility2DOutline(cut, False)
    for node in (case.arteries, case.calcification):
        node.GetSegmentation().SetConversionParameter(*_SMOOTHING)


def show_3d(case: CaseNodes, shown: bool = True) -> None:
    """Show the kept arteries, the plaques and, translucent, what was cut off in 3-D; or none of it."""
    if shown:
        run_through(show_3d_steps(case))
        return
    for node in (case.arteries, case.calcification):
        if node.GetSegmentation().ContainsRepresentation(SURFACE):
            node.RemoveClosedSurfaceRepresentation()
    show_cut(case, False)


def show_3d_steps(case: CaseNodes) -> Steps[None]:
    """Show the case in 3-D in pieces, a surface each."""
    for node in (case.calcification, case.arteries):
        yield from surface_steps(node)
    if case.arteries is not None:
        show_cut(case, True)


def has_surfaces(case: CaseNodes) -> bool:
    """Tell whether there is something of the case to show in 3-D."""
    return all(n.GetSegmentation().ContainsRepresentation(SURFACE) for n in (case.calcification, case.arteries))


def show_cut(case: CaseNodes, shown: bool) -> None:
    """Show or hide, in 3-D, what the trimming took away."""
    display = case.arteries.GetDisplayNode()
    cut = case.segment_id(structures.CUT)
    if cut is not None:
        display.SetSegmentVisibility(cut, shown)
    display.SetVisibility(shown or _full_shown(case))


def show_full_arteries(case: CaseNodes, shown: bool) -> None:
    """Show or hide the full-length arteries, e.g. to correct them."""
    display = case.arteries.GetDisplayNode()
    for segment in filter(None, map(case.segment_id, structures.FULL_KEYS)):
        display.SetSegmentVisibility(segment, shown)
    cut = case.segment_id(structures.CUT)
    cut_shown = cut is not None and display.GetSegmentVisibility(cut)
    display.SetVisibility(shown or (cut_shown and case.arteries.GetSegmentation().ContainsRepresentation(SURFACE)))


def set_opacity_2d(case: CaseNodes, fill: float, outline: float) -> None:
    """Set how strongly the trimmed arteries and the plaques cover the CTA, 0 to 1 each."""
    display = case.calcification.GetDisplayNode()
    display.SetOpacity2DFill(fill)
    display.SetOpacity2DOutline(outline)


def set_opacity_3d(case: CaseNodes, opacity: float) -> None:
    """Set the opacity of the kept arteries in 3-D, 0 to 1; the plaques stay bright."""
    display = case.calcification.GetDisplayNode()
    for segment in filter(None, map(case.segment_id, structures.TERRITORY_KEYS)):
        display.SetSegmentOpacity3D(segment, opacity)


def _set_opacities(case: CaseNodes, key: str, fill_2d: float, opacity_3d: float) -> None:
    display, segment = case.segmentation(key).GetDisplayNode(), case.segment_id(key)
    display.SetSegmentVisibility(segment, True)
    display.SetSegmentOpacity2DFill(segment, fill_2d)
    display.SetSegmentOpacity3D(segment, opacity_3d)


def _full_shown(case: CaseNodes) -> bool:
    display = case.arteries.GetDisplayNode()
    return any(display.GetSegmentVisibility(s) for s in filter(None, map(case.segment_id, structures.FULL_KEYS)))
