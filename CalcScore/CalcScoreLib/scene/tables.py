"""The scores as a table node: columns with types, units and descriptions; undefined figures are empty cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import vtk

from CalcScoreLogic.anatomy import COMBINED, STRUCTURES, VESSELS_OF, Territory
from CalcScoreLogic.results import CaseResult
from CalcScoreLogic.scoring import Row, Status


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes
    ----------
    name : str
        As in ``scores.csv``.
    title : str
        For readers.
    unit : str
        Unit label (UCUM); empty where there is none.
    description : str
        What the figure is.
    array : type
        VTK array of its cells. Figures that can be undefined are text of full precision: an empty cell is
        then empty, and stays so when the scene is saved. A number could only be "nan" there.
    """

    name: str
    title: str
    unit: str
    description: str
    array: type[Any]


COLUMNS = (
    Column("territory", "Territory", "", "Artery, or one of its vessels", vtk.vtkStringArray),
    Column("status", "Status", "", "Whether the whole standard length of the artery was measured", vtk.vtkStringArray),
    Column(
        "burden",
        "Burden",
        "1",
        "Calcified volume divided by artery volume, 0 to 1; empty without an artery",
        vtk.vtkStringArray,
    ),
    Column(
        "calcified_volume_mm3",
        "Calcified",
        "mm3",
        "Volume of the calcification inside the trimmed artery",
        vtk.vtkDoubleArray,
    ),
    Column(
        "artery_volume_mm3",
        "Artery",
        "mm3",
        "Volume of the trimmed artery, wall and lumen, calcification included",
        vtk.vtkDoubleArray,
    ),
    Column(
        "cluster_count",
        "Plaques",
        "1",
        "Connected calcifications: voxels that share a face belong together",
        vtk.vtkIntArray,
    ),
    Column(
        "mean_cluster_volume_mm3",
        "Mean plaque",
        "mm3",
        "Calcified volume divided by the number of plaques; empty without a plaque",
        vtk.vtkStringArray,
    ),
    Column("edited", "Edited", "", "Whether the row rests on segments edited by hand", vtk.vtkStringArray),
    Column(
        "artery_volume_mm3_before_edits",
        "Artery before edits",
        "mm3",
        "Volume of the trimmed artery before edits by hand; empty where it is not known any more",
        vtk.vtkStringArray,
    ),
    Column(
        "calcified_volume_mm3_before_edits",
        "Calcified before edits",
        "mm3",
        "Calcified volume before edits by hand; empty where it is not known any more",
        vtk.vtkStringArray,
    ),
    Column(
        "burden_before_edits",
        "Burden before edits",
        "1",
        "Burden before edits by hand, 0 to 1; empty where it is not known any more",
        vtk.vtkStringArray,
    ),
    Column(
        "cluster_count_before_edits",
        "Plaques before edits",
        "1",
        "Plaques before edits by hand; empty where they are not known any more",
        vtk.vtkStringArray,
    ),
)
"""The columns, in this order."""

DEFINITIONS = {column.name: column.description for column in COLUMNS}
"""What each figure is, by the column's name."""

_STATUS_TEXTS = {
    Status.OK: "complete",
    Status.TRUNCATED: "cut by the volume's border",
    Status.NOT_IN_VIEW: "not in the field of view",
    Status.DETACHED: "not attached to the aorta",
    Status.ABSENT: "absent",
    Status.INCOMPLETE: "incomplete",
}

_NO_CALCIUM = "no calcium"
_BEFORE = "_before_edits"


def status_text(row: Row) -> str:
    """Say what a row rests on.

    Parameters
    ----------
    row : Row
        Figures of a territory or vessel.

    Returns
    -------
    str
        "not in the field of view", "not attached to the aorta", "absent", and "complete, no calcium" are four
        answers, never one.
    """
    text = _STATUS_TEXTS[row.status]
    measured = row.burden is not None
    return f"{text}, {_NO_CALCIUM}" if measured and row.cluster_count == 0 else text


def row_title(name: str) -> str:
    """Give the name of a row for readers, e.g. ``"Left iliac"``."""
    if name in {territory.key for territory in Territory}:
        return STRUCTURES[Territory[name.upper()]].title
    return name.replace("_", " ").capitalize()


def ordered_rows(result: CaseResult) -> Iterator[tuple[str, Row]]:
    """Yield the rows: each territory with its vessels below it, the combined row last."""
    vessels = {territory.key: [vessel.value for vessel in pair] for territory, pair in VESSELS_OF.items()}
    for name, row in result.scores.territories.items():
        if name == COMBINED:
            continue
        yield name, row
        for vessel in vessels.get(name, ()):
            if vessel in result.scores.vessels:
                yield vessel, result.scores.vessels[vessel]
    yield COMBINED, result.scores.territories[COMBINED]


def write_table(node: Any, result: CaseResult) -> None:
    """Write scores into a table node; what it held before goes.

    Parameters
    ----------
    node : vtkMRMLTableNode
        The table.
    result : CaseResult
        The scores.
    """
    rows = list(ordered_rows(result))
    # Slicer before 5.8 calls the title of a column its long name.
    set_title = getattr(node, "SetColumnTitle", None) or node.SetColumnLongName
    use_titles = getattr(node, "SetUseColumnTitleAsColumnHeader", None) or node.SetUseColumnNameAsColumnHeader
    modified = node.StartModify()
    try:
        node.RemoveAllColumns()
        for column in COLUMNS:
            cells = column.array()
            cells.SetName(column.name)
            for name, row in rows:
                cells.InsertNextValue(_cell(column.name, name, row, result))
            node.AddColumn(cells)
            set_title(column.name, column.title)
            node.SetColumnUnitLabel(column.name, column.unit)
            node.SetColumnDescription(column.name, column.description)
        use_titles(True)
        node.SetUseFirstColumnAsRowHeader(True)
        node.SetLocked(True)
    finally:
        node.EndModify(modified)


def _cell(column: str, name: str, row: Row, result: CaseResult) -> str | float:
    """Give the value of one cell; text where the column is of text."""
    if column == "territory":
        return row_title(name)
    if column == "status":
        return status_text(row)
    if column == "edited":
        return "yes" if name in result.edited else "no"
    if column.endswith(_BEFORE):
        before = result.before(name)
        value = getattr(before, column.removesuffix(_BEFORE)) if before else None
        return "" if value is None else repr(value)
    value: float | None = getattr(row, column)
    if column in ("burden", "mean_cluster_volume_mm3"):
        return "" if value is None else repr(value)
    assert value is not None  # noqa: S101  the other figures are always defined
    return value
