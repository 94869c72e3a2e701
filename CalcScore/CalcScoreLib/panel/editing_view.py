"""The buttons that open the Segment Editor for a task, and the one that grows a missed branch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from CalcScoreLogic.anatomy import SIDE_TERRITORIES, STRUCTURES, Territory

from ..scene import structures
from ..scene.case import SceneCase
from ..scene.editing import threshold_of
from ..scene.hand_edits import HandEdit, added_branch
from ..translation import _
from .branch_clicks import BranchClicks
from .edit_guard import may_lose
from .keys_and_menus import menu_of
from .parameters import CalcScoreParameters, lengths_of
from .segment_editor import SegmentEditorAccess


class EditingView:
    """Edit plaques, Edit arteries, Add a branch.

    Parameters
    ----------
    ui : object
        Widgets of the panel by name.
    editor : SegmentEditorAccess
        Opens the Segment Editor.
    apply : callable
        Makes a correction.
    tell : callable
        Shows a sentence, or none.
    """

    def __init__(
        self, ui: Any, editor: SegmentEditorAccess, apply: Callable[[HandEdit], None], tell: Callable[[str], None]
    ) -> None:
        self._ui, self._editor, self._apply = ui, editor, apply
        self._case: SceneCase | None = None
        self._parameters: CalcScoreParameters | None = None
        self._territory = Territory.RENAL
        self._clicks = BranchClicks(tell, self._clicked)
        ui.editPlaquesButton.connect("clicked()", self._edit_plaques)
        ui.editArteriesButton.connect("clicked()", lambda: self.edit_arteries(structures.TERRITORY_KEYS[0]))
        arteries = (
            (_("Trimmed arteries"), structures.TERRITORY_KEYS[0]),
            (_("Full-length arteries, then Trim again"), structures.FULL_KEYS[0]),
        )
        ui.editArteriesButton.setMenu(menu_of(ui.editArteriesButton, arteries, self.edit_arteries))
        branches = ((STRUCTURES[territory].title, territory) for territory in SIDE_TERRITORIES)
        ui.branchButton.setMenu(menu_of(ui.branchButton, branches, self.add_branch))

    def show(self, case: SceneCase | None, parameters: CalcScoreParameters, usable: bool) -> None:
        """Bring the buttons up to date; clicks for another case are waited for no longer."""
        if case is not self._case:
            self._clicks.stop()
        self._case, self._parameters = case, parameters
        for widget in (self._ui.editPlaquesButton, self._ui.editArteriesButton, self._ui.branchButton):
            widget.setEnabled(usable)

    def edit_arteries(self, structure: str) -> None:
        """Open the Segment Editor on an artery."""
        if self._case is not None:
            self._editor.edit_arteries(self._case, structure)

    def add_branch(self, territory: Territory) -> None:
        """Wait for the two clicks between which a branch of a territory is missing."""
        if self._case is not None:
            self._territory = territory
            self._clicks.start()

    def stop(self) -> None:
        """Wait for no clicks any more."""
        self._clicks.stop()

    def _edit_plaques(self) -> None:
        if self._case is not None:
            self._editor.edit_plaques(self._case)

    def _clicked(self, places: list[tuple[float, float, float]]) -> None:
        case, parameters = self._case, self._parameters
        if case is None or parameters is None:
            return
        question = _("A new branch is trimmed with all others, which loses your edits of: {names}. Go on?")
        if not may_lose(case.lost_edits(), question):
            return
        threshold_hu = threshold_of(case.result(), self._territory)
        self._apply(added_branch(places, self._territory, lengths_of(parameters), threshold_hu))
