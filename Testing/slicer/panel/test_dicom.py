"""*Save DICOM…*: on for a CTA that came as DICOM; what it writes is what the panel shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import slicer

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.images.dicom_segments import read_dicom_segments
from Testing.logic.archive.ct_series import PATIENT, write_ct_series
from Testing.slicer import harness
from Testing.slicer.harness.application.dicom_database import DicomDatabase
from Testing.slicer.panel import maps
from Testing.slicer.scene.scenes import paint

pytestmark = pytest.mark.skipif(find_spec("highdicom") is None, reason="highdicom is not installed")


@pytest.fixture
def series(cta: Any, tmp_path: Path) -> Iterator[Path]:
    """The CTA's DICOM series, known to the database."""
    folder = write_ct_series(tmp_path / "series", maps.cta())
    files = {str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID): str(path) for path in folder.iterdir()}
    cta.SetAttribute("DICOM.instanceUIDs", " ".join(files))
    slicer.app._native.dicom_database = DicomDatabase(files)
    yield folder
    slicer.app._native.dicom_database = None


def save(panel: Any, dialogs: harness.Dialogs, folder: Path, *answers: str) -> str:
    """Press the button, choose a folder and wait; gives what the panel says then."""
    dialogs.answer(str(folder), *answers)
    panel.ui.dicomButton.click()
    harness.settle(lambda: not panel.sections.dicom.busy)
    return str(panel.ui.messageLabel.text)


def test_the_objects_hold_what_the_panel_shows(
    series: Path, analyzed: Callable[[], Any], tmp_path: Path, dialogs: harness.Dialogs
) -> None:
    from highdicom.sr import srread

    panel = analyzed()
    folder = tmp_path / "objects"
    folder.mkdir()
    assert panel.ui.dicomButton.enabled
    assert save(panel, dialogs, folder) == f"Saved segmentation.dcm and scores.dcm in {folder}"
    assert sorted(path.name for path in folder.iterdir()) == ["scores.dcm", "segmentation.dcm"]
    segments = read_dicom_segments(folder / "segmentation.dcm")
    trimmed = panel.case.scored_case().shortened
    assert trimmed.geometry.difference(segments.geometry) is None
    np.testing.assert_array_equal(segments.kept, trimmed.array)
    np.testing.assert_array_equal(segments.calcified, maps.calcified())
    np.testing.assert_array_equal(segments.territory_map().array, maps.territories().array)
    report = srread(folder / "scores.dcm")
    assert str(report.PatientName) == PATIENT["PatientName"]
    groups = report.content.get_volumetric_roi_measurement_groups()
    aorta = next(group for group in groups if group.tracking_identifier == "CalcScore aorta")
    assert {m.name.value: m.value for m in aorta.get_measurements()}["BURDEN"] == 32.0 / 3968.0


def test_a_cta_under_a_transform_keeps_the_grid_of_its_dicom(
    series: Path, cta: Any, analyzed: Callable[[], Any], tmp_path: Path, dialogs: harness.Dialogs
) -> None:
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = slicer.util.vtkMatrixFromArray(np.array([[1, 0, 0, 7.3], [0, 1, 0, -2], [0, 0, 1, 11], [0, 0, 0, 1.0]]))
    transform.SetMatrixTransformToParent(matrix)
    cta.SetAndObserveTransformNodeID(transform.GetID())
    panel = analyzed()
    assert save(panel, dialogs, tmp_path).startswith("Saved")
    assert maps.GRID.difference(read_dicom_segments(tmp_path / "segmentation.dcm").geometry) is None


def test_edits_have_to_be_scored_first(series: Path, analyzed: Callable[[], Any], tmp_path: Path, dialogs: Any) -> None:
    panel = analyzed()
    paint(panel.case.segmentation("calcification"), panel.case.segment_id("calcification"), maps.PLAQUE_IJK, False)
    harness.settle(lambda: panel.sections.corrections.stale)
    assert not panel.ui.dicomButton.enabled
    panel.ui.rescoreButton.click()
    harness.settle(lambda: not panel.sections.corrections.busy)
    assert panel.ui.dicomButton.enabled
    assert save(panel, dialogs, tmp_path).startswith("Saved")
    segmentation = pydicom.dcmread(tmp_path / "segmentation.dcm")
    kinds = {item.SegmentLabel: item.SegmentAlgorithmType for item in segmentation.SegmentSequence}
    assert kinds["Calcification"] == "SEMIAUTOMATIC"
    assert kinds["Aorta"] == "AUTOMATIC"
    assert np.count_nonzero(read_dicom_segments(tmp_path / "segmentation.dcm").calcified) == 6


def test_objects_that_are_there_are_replaced_only_after_asking(
    series: Path, analyzed: Callable[[], Any], tmp_path: Path, dialogs: harness.Dialogs
) -> None:
    panel = analyzed()
    (tmp_path / "scores.dcm").write_bytes(b"mine")
    save(panel, dialogs, tmp_path, "Cancel")
    assert (tmp_path / "scores.dcm").read_bytes() == b"mine"
    assert save(panel, dialogs, tmp_path, "Ok").startswith("Saved")
    assert (tmp_path / "scores.dcm").read_bytes() != b"mine"


def test_the_button_is_off_for_a_cta_that_is_no_dicom(analyzed: Callable[[], Any]) -> None:
    panel = analyzed()
    assert not panel.ui.dicomButton.enabled
    assert panel.ui.dicomButton.toolTip.startswith("Only for a CTA that was loaded from DICOM")


def test_a_slice_that_is_gone_is_told(
    series: Path, analyzed: Callable[[], Any], tmp_path: Path, dialogs: harness.Dialogs
) -> None:
    panel = analyzed()
    sorted(series.iterdir())[5].unlink()
    folder = tmp_path / "objects"
    folder.mkdir()
    said = save(panel, dialogs, folder)
    assert said == "⚠ CTA: its files do not hold every slice of the CTA any more, export the series again."
    assert list(folder.iterdir()) == []


def test_the_panel_with_the_button(series: Path, analyzed: Callable[[], Any], picture: Callable[[str], Path]) -> None:
    panel = analyzed()
    picture("dicom")
    assert panel.ui.dicomButton.visible
    assert Territory.AORTA.key in panel.case.result().scores.territories
