"""The list of plaques: goes to them with the arrow keys, and takes them away, marks them, moves them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import qt

from CalcScoreLogic.anatomy import STRUCTURES, Territory

from ..scene.checked_plaques import checked_keys, keep_checked
from ..scene.outline import PlaqueOutline
from ..scene.plaques import Plaque
from ..scene.tables import row_title
from ..scene.views import jump_to
from ..translation import _
from .keys_and_menus import add_key, menu_of
from .number_format import number
from .palette import pale_brush

_COLUMNS = (
    ("✓", _("Checked: you have looked at this plaque")),
    ("#", _("Largest first; the id in scores.json")),
    (_("Territory"), _("Artery that the plaque lies in")),
    (_("mm³"), _("Volume of the plaque")),
    (_("max HU"), _("Highest intensity in the plaque")),
)
_CHECK_COLUMN, _TEXT_COLUMN = 0, 2
_CHECKED = "✓"
_MOST_ROWS = 7


@dataclass(frozen=True)
class PlaqueActions:
    """What the list does to plaques.

    Attributes
    ----------
    remove : callable
        Takes plaques out of the calcification.
    move : callable
        Gives plaques to another territory.
    undo : callable
        Takes the last correction back.
    """

    remove: Callable[[Sequence[Plaque]], None]
    move: Callable[[Sequence[Plaque], Territory], None]
    undo: Callable[[], None]


class PlaquesView:
    """Table of plaques.

    Parameters
    ----------
    ui : object
        Widgets of the panel by name.
    actions : PlaqueActions
        What keys, buttons and menu do.
    """

    def __init__(self, ui: Any, actions: PlaqueActions) -> None:
        self._ui, self._actions = ui, actions
        self._plaques: list[Plaque] = []
        self._volume: Any = None
        self._record: Any = None
        self._usable = False
        self._none = ""
        self._outline = PlaqueOutline()
        self._set_up_table()
        ui.checkButton.connect("clicked()", self.check)
        ui.removeButton.connect("clicked()", self.remove)
        ui.undoButton.connect("clicked()", actions.undo)
        territories = ((STRUCTURES[territory].title, territory) for territory in Territory)
        menu = menu_of(ui.territoryButton, territories, self.move)
        ui.territoryButton.setMenu(menu)
        # A right click shows the same; as a menu within a menu it would need a title.
        for action in menu.actions():
            ui.plaquesTree.addAction(action)
        for key, function in (
            ("Space", self.check),
            ("Delete", self.remove),
            ("Backspace", self.remove),
            ("Z", actions.undo),
        ):
            add_key(ui.plaquesTree, key, function)

    def show(self, plaques: list[Plaque] | None, record: Any, volume: Any, current: bool) -> None:
        """List the plaques of a case, None while they are looked for; grey where they are out of date.

        The same ones stay selected.
        """
        self._none = _("No plaques") if plaques is not None else _("Looking for the plaques…")
        plaques = plaques or []
        kept, row = {plaque.key for plaque in self.selected()}, self._current_row()
        same_case = record is self._record
        self._plaques, self._record, self._volume = plaques, record, volume
        tree = self._ui.plaquesTree
        tree.blockSignals(True)
        tree.clear()
        for plaque in plaques:
            tree.addTopLevelItem(self._item(plaque, current))
        if same_case and row >= 0:
            self._select_again(kept, row)
        tree.blockSignals(False)
        self._ui.plaquesSection.text = _("Plaques ({count})").format(count=len(plaques)) if plaques else _("Plaques")
        self._fit_height()
        self._show_checked()
        self._show_selected()

    def lock(self, locked: bool, can_undo: bool) -> None:
        """Let nothing be corrected while a run goes on."""
        self._usable = not locked and self._record is not None
        for widget in (self._ui.checkButton, self._ui.removeButton, self._ui.territoryButton):
            widget.setEnabled(self._usable and bool(self._plaques))
        self._ui.undoButton.setEnabled(self._usable and can_undo)

    def selected(self) -> list[Plaque]:
        """Give the plaques that are selected, in their order."""
        tree = self._ui.plaquesTree
        rows = [tree.indexOfTopLevelItem(item) for item in tree.selectedItems()]
        return [self._plaques[row] for row in sorted(rows) if 0 <= row < len(self._plaques)]

    def check(self) -> None:
        """Mark the selected plaques as checked, or take the marks away where all of them have one; then go on."""
        chosen = self.selected()
        if not self._usable or not chosen:
            return
        keys, own = checked_keys(self._record), {plaque.key for plaque in chosen}
        checking = not own <= keys
        keep_checked(self._record, keys | own if checking else keys - own)
        self._show_checked()
        if checking and len(chosen) == 1:
            self._go_on()

    def remove(self) -> None:
        """Take the selected plaques away."""
        chosen = self.selected()
        if self._usable and chosen:
            self._strike(chosen)
            self._actions.remove(chosen)

    def move(self, territory: Territory) -> None:
        """Give the selected plaques to another territory."""
        chosen = [plaque for plaque in self.selected() if plaque.territory is not territory]
        if self._usable and chosen:
            self._actions.move(chosen, territory)

    def hide_outline(self) -> None:
        """Take the outline of the selected plaques from the views."""
        self._outline.hide()

    def _set_up_table(self) -> None:
        tree = self._ui.plaquesTree
        tree.setColumnCount(len(_COLUMNS))
        tree.setHeaderLabels([title for title, _tip in _COLUMNS])
        tree.setContextMenuPolicy(qt.Qt.ActionsContextMenu)
        head, header = tree.headerItem(), tree.header()
        for column, (_title, tip) in enumerate(_COLUMNS):
            text = column == _TEXT_COLUMN
            head.setTextAlignment(column, _alignment(column))
            head.setToolTip(column, tip)
            header.setSectionResizeMode(column, qt.QHeaderView.Stretch if text else qt.QHeaderView.ResizeToContents)
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(20)
        tree.connect("itemClicked(QTreeWidgetItem*,int)", lambda item, column: self._go_to(item))
        tree.connect("currentItemChanged(QTreeWidgetItem*,QTreeWidgetItem*)", lambda item, before: self._go_to(item))
        tree.connect("itemSelectionChanged()", self._show_selected)

    def _go_to(self, item: Any) -> None:
        """Show the plaque of a row in all views."""
        row = self._ui.plaquesTree.indexOfTopLevelItem(item) if item else -1
        if 0 <= row < len(self._plaques):
            jump_to(self._volume, self._plaques[row].position_ras)

    def _go_on(self) -> None:
        """Select the plaque below the current one."""
        tree = self._ui.plaquesTree
        below = tree.topLevelItem(self._current_row() + 1)
        if below:
            tree.setCurrentItem(below)

    def _strike(self, plaques: Sequence[Plaque]) -> None:
        """Strike plaques through that are about to go, and select the next: the scores take a moment."""
        tree = self._ui.plaquesTree
        gone = {plaque.key for plaque in plaques}
        rows = [row for row, plaque in enumerate(self._plaques) if plaque.key in gone]
        for row in rows:
            item = tree.topLevelItem(row)
            for column in range(len(_COLUMNS)):
                font = item.font(column)
                font.setStrikeOut(True)
                item.setFont(column, font)
        left = list(range(rows[-1] + 1, len(self._plaques))) or list(range(rows[0]))[-1:]
        if left:
            tree.setCurrentItem(tree.topLevelItem(left[0]))

    def _current_row(self) -> int:
        tree = self._ui.plaquesTree
        item = tree.currentItem()
        return int(tree.indexOfTopLevelItem(item)) if item else -1

    def _select_again(self, keys: set[str], row: int) -> None:
        """Select the same plaques as before, or the one in the same row where they have gone."""
        tree = self._ui.plaquesTree
        rows = [n for n, plaque in enumerate(self._plaques) if plaque.key in keys]
        rows = rows or ([min(row, len(self._plaques) - 1)] if self._plaques else [])
        for n in rows:
            item = tree.topLevelItem(n)
            if n == rows[0]:
                tree.setCurrentItem(item)
            item.setSelected(True)

    def _show_selected(self) -> None:
        chosen = self.selected()
        if chosen and self._volume is not None:
            self._outline.show(self._volume, chosen)
        else:
            self._outline.hide()

    def _show_checked(self) -> None:
        keys = checked_keys(self._record) if self._record is not None else set()
        done = 0
        for row, plaque in enumerate(self._plaques):
            checked = plaque.key in keys
            done += checked
            self._ui.plaquesTree.topLevelItem(row).setText(_CHECK_COLUMN, _CHECKED if checked else "")
        text = _("Checked {done} of {count}").format(done=done, count=len(self._plaques))
        self._ui.checkedLabel.setText(text if self._plaques else self._none)

    def _fit_height(self) -> None:
        tree = self._ui.plaquesTree
        row_height = tree.visualItemRect(tree.topLevelItem(0)).height() if self._plaques else 0
        rows = min(len(self._plaques), _MOST_ROWS)
        # Room to spare would show the top of one more row.
        spare = 2 if len(self._plaques) <= _MOST_ROWS else 0
        tree.setFixedHeight(tree.header().sizeHint.height() + rows * row_height + 2 * tree.frameWidth + spare)

    def _item(self, plaque: Plaque, current: bool) -> Any:
        item = qt.QTreeWidgetItem()
        where = row_title(plaque.vessel.value) if plaque.vessel else STRUCTURES[plaque.territory].title
        cells = ("", str(plaque.number), where, number(plaque.volume_mm3), number(plaque.max_hu))
        for column, text in enumerate(cells):
            item.setText(column, text)
            item.setTextAlignment(column, _alignment(column))
            item.setToolTip(column, _COLUMNS[column][1])
            if not current:
                item.setForeground(column, pale_brush(self._ui.plaquesTree))
        return item


def _alignment(column: int) -> int:
    return int((qt.Qt.AlignLeft if column == _TEXT_COLUMN else qt.Qt.AlignRight) | qt.Qt.AlignVCenter)
