"""The scores as a table that one can read at a glance, with what the figures mean and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

from CalcScoreLogic.anatomy import COMBINED, STRUCTURES, VESSELS_OF, Territory, Vessel
from CalcScoreLogic.results import CaseResult
from CalcScoreLogic.scoring import Row, Status

from ..scene.tables import DEFINITIONS, row_title, status_text
from ..translation import _
from .attention import tell_copied
from .chart import bars
from .number_format import (
    MISSING,
    changes_of,
    clipboard_text,
    figures_of,
    fold_range,
    has_artery,
    unbroken,
    why_missing,
)
from .palette import pale_brush

_COLUMNS = (
    (_("Territory"), "territory"),
    (_("Burden\n%"), "burden"),
    (_("Calcified\nmm³"), "calcified_volume_mm3"),
    (_("Artery\ncm³"), "artery_volume_mm3"),
    (_("Plaques"), "cluster_count"),
    (_("Mean\nmm³"), "mean_cluster_volume_mm3"),
)
_VESSEL_TITLES = {
    Vessel.LEFT_ILIAC: _("left"),
    Vessel.RIGHT_ILIAC: _("right"),
    Vessel.COELIAC: _("coeliac"),
    Vessel.SUPERIOR_MESENTERIC: _("superior"),
    Vessel.LEFT_RENAL: _("left"),
    Vessel.RIGHT_RENAL: _("right"),
}
_MARKS = {Status.TRUNCATED: _("⚠ cut"), Status.INCOMPLETE: "⚠"}
_TOTAL_MARK = "⚠"
_TIPS = {"burden": _("Calcified volume divided by artery volume, in percent; empty without an artery")}
"""Where the table's unit is another than that of the node."""

_EDITED = " ✎"
_LINE_HEIGHT = 7


class ResultsView:
    """Table of scores, warnings, fold range, chart, and the button that copies.

    Parameters
    ----------
    ui : object
        Widgets of the panel by name.
    on_save, on_report : callable
        Called by the buttons.
    """

    def __init__(self, ui: Any, on_save: Callable[[], None], on_report: Callable[[], None]) -> None:
        self._ui = ui
        self._result: CaseResult | None = None
        self._folded: set[str] = {territory.key for territory in Territory}
        self._set_up_table()
        ui.copyButton.connect("clicked()", self.copy)
        ui.saveButton.connect("clicked()", on_save)
        ui.reportButton.connect("clicked()", on_report)
        ui.chartButton.connect("toggled(bool)", lambda checked: self._show_chart())

    def show(self, result: CaseResult | None, current: bool) -> None:
        """Show scores; grey where they are out of date."""
        self._result = result
        ui = self._ui
        for widget in (ui.scoresTree, ui.copyButton, ui.saveButton, ui.reportButton, ui.chartButton):
            widget.setEnabled(result is not None)
        ui.scoresTree.clear()
        if result is not None:
            self._fill(result, current)
        self._fit_height()
        warnings = _warning_lines(result) if result is not None else []
        ui.warningsLabel.setText(unbroken("\n".join(f"⚠ {line}" for line in warnings)))
        ui.warningsLabel.setVisible(bool(warnings))
        folds = fold_range(result) if result is not None else ""
        ui.foldsLabel.setText(folds)
        ui.foldsLabel.setVisible(bool(folds))
        self._show_chart()

    def copy(self) -> None:
        """Put the table on the clipboard, for a spreadsheet."""
        if self._result is not None:
            qt.QApplication.clipboard().setText(clipboard_text(self._result))
            tell_copied(self._ui.savedLabel)

    def _set_up_table(self) -> None:
        tree = self._ui.scoresTree
        tree.setColumnCount(len(_COLUMNS))
        tree.setIndentation(14)
        tree.setHeaderLabels([title for title, _name in _COLUMNS])
        head, header = tree.headerItem(), tree.header()
        for column, (_title, name) in enumerate(_COLUMNS):
            head.setTextAlignment(column, _alignment(column, qt.Qt.AlignBottom))
            head.setToolTip(column, _(_TIPS.get(name, DEFINITIONS[name])))
            mode = qt.QHeaderView.Stretch if column == 0 else qt.QHeaderView.ResizeToContents
            header.setSectionResizeMode(column, mode)
        header.setStretchLastSection(False)
        header.setSectionsMovable(False)
        header.setMinimumSectionSize(24)
        tree.connect("itemExpanded(QTreeWidgetItem*)", lambda item: self._fold(item, False))
        tree.connect("itemCollapsed(QTreeWidgetItem*)", lambda item: self._fold(item, True))

    def _fill(self, result: CaseResult, current: bool) -> None:
        tree = self._ui.scoresTree
        for territory in Territory:
            item = self._item(territory.key, STRUCTURES[territory].title, result, current)
            item.setData(0, qt.Qt.UserRole, territory.key)
            tree.addTopLevelItem(item)
            self._finish(item, result.scores.territories[territory.key])
            found = has_artery(result.scores.territories[territory.key])
            for vessel in VESSELS_OF.get(territory, ()) if found else ():
                if vessel.value in result.scores.vessels:
                    child = self._item(vessel.value, _VESSEL_TITLES[vessel], result, current)
                    item.addChild(child)
                    self._finish(child, result.scores.vessels[vessel.value])
            tree.blockSignals(True)
            item.setExpanded(territory.key not in self._folded)
            tree.blockSignals(False)
            self._add_change(territory.key, result)
        tree.addTopLevelItem(_line(tree))
        total = self._item(COMBINED, row_title(COMBINED), result, current)
        tree.addTopLevelItem(total)
        self._finish(total, result.scores.territories[COMBINED])
        self._add_change(COMBINED, result)
        for column in range(len(_COLUMNS)):
            font = total.font(column)
            font.setBold(True)
            total.setFont(column, font)

    def _add_change(self, name: str, result: CaseResult) -> None:
        """Add a grey line with what edits by hand have changed in a row, where that is known."""
        row, before = result.scores.territories[name], result.before(name)
        if name not in result.edited or before is None or row == before:
            return
        item = qt.QTreeWidgetItem()
        item.setFlags(qt.Qt.ItemIsEnabled)
        grey = pale_brush(self._ui.scoresTree)
        for column, text in enumerate((_("Δ by hand"), *changes_of(row, before))):
            item.setText(column, text)
            item.setTextAlignment(column, _alignment(column, qt.Qt.AlignVCenter))
            item.setForeground(column, grey)
            item.setToolTip(column, _("What edits by hand have changed; burden in percentage points"))
        self._ui.scoresTree.addTopLevelItem(item)

    def _item(self, name: str, title: str, result: CaseResult, current: bool) -> Any:
        """Make the item of a row."""
        row = {**result.scores.territories, **result.scores.vessels}[name]
        item = qt.QTreeWidgetItem()
        mark = f" {_MARKS[row.status]}" if row.status in _MARKS else ""
        # In bold letters the word would not fit; the tool tip has it.
        mark = f" {_TOTAL_MARK}" if mark and name == COMBINED else mark
        edited = _EDITED if name in result.edited else ""
        if not has_artery(row):
            item.setText(0, f"{title}{edited}   ⚠ {_(status_text(row))}")
        else:
            item.setText(0, f"{title}{mark}{edited}")
            for column, text in enumerate(figures_of(row), start=1):
                item.setText(column, text)
                item.setTextAlignment(column, _alignment(column, qt.Qt.AlignVCenter))
                tip = self._definition(_COLUMNS[column][1], name, result)
                item.setToolTip(column, why_missing(row) if text == MISSING else tip)
        about = f"{row_title(name)}: {_(status_text(row))}"
        item.setToolTip(0, about + (_("; rests on segments edited by hand") if edited else ""))
        if not current:
            grey = pale_brush(self._ui.scoresTree)
            for column in range(len(_COLUMNS)):
                item.setForeground(column, grey)
        return item

    @staticmethod
    def _definition(figure: str, name: str, result: CaseResult) -> str:
        """Say what a figure is; for all arteries together, why it counts fewer plaques than the rows add up to."""
        rows = result.scores.territories
        added = sum(rows[territory.key].cluster_count for territory in Territory)
        if figure == "cluster_count" and name == COMBINED and rows[name].cluster_count < added:
            return _(
                "The rows above add up to {added}: a plaque that reaches from one artery into the next is one plaque "
                "here, and one in each of them"
            ).format(added=added)
        return _(_TIPS.get(figure, DEFINITIONS[figure]))

    def _finish(self, item: Any, row: Row) -> None:
        """Let the words of a row without figures take the whole line; that needs the item in the table."""
        item.setFirstColumnSpanned(not has_artery(row))

    def _fold(self, item: Any, folded: bool) -> None:
        key = item.data(0, qt.Qt.UserRole)
        if key:
            (self._folded.add if folded else self._folded.discard)(key)
        self._fit_height()

    def _fit_height(self) -> None:
        """Make the table as high as its rows: the panel scrolls, not the table."""
        tree = self._ui.scoresTree
        tree.visible = tree.topLevelItemCount > 0
        height = tree.header().sizeHint.height() + 2 * tree.frameWidth
        for row in range(tree.topLevelItemCount):
            item = tree.topLevelItem(row)
            height += tree.visualItemRect(item).height()
            if item.isExpanded():
                height += sum(tree.visualItemRect(item.child(n)).height() for n in range(item.childCount()))
        tree.setFixedHeight(height + 2)

    def _show_chart(self) -> None:
        label = self._ui.chartLabel
        shown = self._result is not None and self._ui.chartButton.checked
        label.setText(bars(self._result) if shown and self._result is not None else "")
        label.setVisible(shown)


def _alignment(column: int, vertical: int) -> int:
    return int((qt.Qt.AlignLeft if column == 0 else qt.Qt.AlignRight) | vertical)


def _line(tree: Any) -> Any:
    """Make the thin row that sets the combined one off."""
    item = qt.QTreeWidgetItem()
    item.setFlags(qt.Qt.NoItemFlags)
    for column in range(len(_COLUMNS)):
        item.setSizeHint(column, qt.QSize(0, _LINE_HEIGHT))
    return item


def _warning_lines(result: CaseResult) -> list[str]:
    """Give every warning once; the same words for several territories make one line."""
    titles = {structure.title for structure in STRUCTURES.values()}
    about: dict[str, list[str]] = {}
    for warning in result.warnings:
        title, _separator, words = warning.partition(": ")
        if title in titles and words:
            about.setdefault(words, []).append(title)
        else:
            about.setdefault(str(warning), [])
    return [f"{', '.join(dict.fromkeys(names))}: {words}" if names else words for words, names in about.items()]
