"""The list of plaques: a click shows the place in all views."""

from __future__ import annotations

from typing import Any

import qt

from CalcScoreLogic.anatomy import STRUCTURES

from ..scene.plaques import Plaque
from ..scene.tables import row_title
from ..scene.views import jump_to
from ..translation import _
from .number_format import number

_COLUMNS = (
    ("#", _("Largest first; the id in scores.json")),
    (_("Territory"), _("Artery that the plaque lies in")),
    (_("mm³"), _("Volume of the plaque")),
    (_("max HU"), _("Highest intensity in the plaque")),
)
_TEXT_COLUMN = 1
_MOST_ROWS = 7


class PlaquesView:
    """Table of plaques.

    Parameters
    ----------
    ui : object
        Widgets of the panel by name.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self._plaques: list[Plaque] = []
        self._volume: Any = None
        tree = ui.plaquesTree
        tree.setColumnCount(len(_COLUMNS))
        tree.setHeaderLabels([title for title, _tip in _COLUMNS])
        head, header = tree.headerItem(), tree.header()
        for column, (_title, tip) in enumerate(_COLUMNS):
            text = column == _TEXT_COLUMN
            head.setTextAlignment(column, _alignment(column))
            head.setToolTip(column, tip)
            header.setSectionResizeMode(column, qt.QHeaderView.Stretch if text else qt.QHeaderView.ResizeToContents)
        header.setStretchLastSection(False)
        tree.connect("itemClicked(QTreeWidgetItem*,int)", lambda item, column: self._go_to(item))
        tree.connect("currentItemChanged(QTreeWidgetItem*,QTreeWidgetItem*)", lambda item, before: self._go_to(item))

    def show(self, plaques: list[Plaque], volume: Any, current: bool) -> None:
        """List the plaques of a CTA; grey where they are out of date."""
        self._plaques, self._volume = plaques, volume
        tree = self._ui.plaquesTree
        tree.blockSignals(True)
        tree.clear()
        for plaque in plaques:
            tree.addTopLevelItem(self._item(plaque, current))
        tree.blockSignals(False)
        self._ui.plaquesSection.text = _("Plaques ({count})").format(count=len(plaques)) if plaques else _("Plaques")
        row_height = tree.visualItemRect(tree.topLevelItem(0)).height() if plaques else 0
        rows = min(len(plaques), _MOST_ROWS)
        tree.setFixedHeight(tree.header().sizeHint.height() + rows * row_height + 2 * tree.frameWidth + 2)

    def go_to(self, number_from_1: int) -> None:
        """Show a plaque in all views."""
        jump_to(self._volume, self._plaques[number_from_1 - 1].position_ras)

    def _go_to(self, item: Any) -> None:
        row = self._ui.plaquesTree.indexOfTopLevelItem(item) if item else -1
        if 0 <= row < len(self._plaques):
            self.go_to(row + 1)

    def _item(self, plaque: Plaque, current: bool) -> Any:
        item = qt.QTreeWidgetItem()
        where = row_title(plaque.vessel.value) if plaque.vessel else STRUCTURES[plaque.territory].title
        cells = (str(plaque.number), where, number(plaque.volume_mm3), number(plaque.max_hu))
        for column, text in enumerate(cells):
            item.setText(column, text)
            item.setTextAlignment(column, _alignment(column))
            item.setToolTip(column, _("Click to go there in all views"))
            if not current:
                disabled = self._ui.plaquesTree.palette.color(qt.QPalette.Disabled, qt.QPalette.Text)
                item.setForeground(column, qt.QBrush(disabled))
        return item


def _alignment(column: int) -> int:
    return int((qt.Qt.AlignLeft if column == _TEXT_COLUMN else qt.Qt.AlignRight) | qt.Qt.AlignVCenter)
