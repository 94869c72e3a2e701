"""The table node: types, units, descriptions, empty cells, full precision."""

from __future__ import annotations

from typing import Any

import pytest
import vtk
from CalcScoreLib.scene.tables import COLUMNS, row_title, status_text, write_table

from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.results import CSV_COLUMNS
from CalcScoreLogic.scoring import Row, Status
from Testing.slicer import harness
from Testing.slicer.scene.cases import phantom, small_maps, stored
from Testing.slicer.scene.scenes import cells_of


def test_columns_are_those_of_the_csv_with_units_and_descriptions(scene: Any) -> None:
    maps = small_maps()
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "scores")
    write_table(table, score_masks("CTA", maps.territories, maps.calcification).result)
    names = [table.GetColumnName(n) for n in range(table.GetNumberOfColumns())]
    # The warnings are read in the panel and in the record, where they stand in words.
    assert set(names) == set(CSV_COLUMNS) - {"case", "warning_codes"}
    assert [table.GetColumnUnitLabel(name) for name in names] == [
        *("", "", "1", "mm3", "mm3", "1", "mm3", ""),
        *("mm3", "mm3", "1", "1"),
    ]
    assert all(table.GetColumnDescription(name) for name in names)
    types = {name: table.GetColumnType(name) for name in names}
    assert types["artery_volume_mm3"] == types["calcified_volume_mm3"] == vtk.VTK_DOUBLE
    assert types["cluster_count"] == vtk.VTK_INT
    assert len(COLUMNS) == len(names)


class _OlderTable:
    """A table node as Slicer before 5.8 has it."""

    def __init__(self, node: Any) -> None:
        self._node = node

    def __getattr__(self, name: str) -> Any:
        if "ColumnTitle" in name:
            raise AttributeError(name)
        return getattr(self._node, name)


def test_an_older_slicer_gets_the_titles_under_their_older_name(scene: Any) -> None:
    maps = small_maps()
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "scores")
    write_table(_OlderTable(table), score_masks("CTA", maps.territories, maps.calcification).result)
    assert [table.GetColumnTitle(column.name) for column in COLUMNS] == [column.title for column in COLUMNS]
    assert table.GetUseColumnTitleAsColumnHeader()
    # Today's Slicer says that the older names are on their way out.
    assert all("is deprecated" in text for text in harness.reported)
    harness.reported.clear()


def test_undefined_figures_are_empty_and_others_hold_every_digit(scene: Any) -> None:
    maps = phantom()
    result = score_masks("CTA", maps.territories, maps.calcification, cta=maps.cta).result
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "scores")
    write_table(table, result)
    cells = cells_of(table)
    rows = {**result.scores.territories, **result.scores.vessels}
    assert {row_title(name) for name in rows} == set(cells)
    for name, row in rows.items():
        for column in ("burden", "mean_cluster_volume_mm3"):
            value = getattr(row, column)
            text = cells[row_title(name)][column]
            assert text == "" if value is None else float(text) == value
        assert "nan" not in "".join(cells[row_title(name)].values())
    assert any(row.mean_cluster_volume_mm3 is None for row in rows.values())


def test_vessels_stand_below_their_territory_and_combined_last(scene: Any) -> None:
    case, _ = stored(scene, phantom())
    assert list(cells_of(case.table)) == [
        "Aorta",
        "Iliac",
        "Left iliac",
        "Right iliac",
        "Mesenteric",
        "Coeliac",
        "Superior mesenteric",
        "Renal",
        "Left renal",
        "Right renal",
        "Combined",
    ]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (Row(Status.OK, 5.0, 0.0, 0.0, 0, None), "complete, no calcium"),
        (Row(Status.OK, 5.0, 1.0, 0.2, 1, 1.0), "complete"),
        (Row(Status.TRUNCATED, 5.0, 0.0, 0.0, 0, None), "cut by the volume's border, no calcium"),
        (Row(Status.NOT_IN_VIEW, 0.0, 0.0, None, 0, None), "not in the field of view"),
        (Row(Status.DETACHED, 0.0, 0.0, None, 0, None), "not attached to the aorta"),
        (Row(Status.ABSENT, 0.0, 0.0, None, 0, None), "absent"),
    ],
)
def test_each_state_has_words_of_its_own(row: Row, text: str) -> None:
    assert status_text(row) == text
