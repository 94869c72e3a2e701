"""The scores as DICOM objects, beside which Slicer stays alive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer

from CalcScoreLogic.archive.objects import DicomOrder, write_objects
from CalcScoreLogic.case_files import DICOM_OBJECTS
from CalcScoreLogic.errors import CalcScoreError

from .. import install, settings
from ..background_work import InSteps
from ..incremental_work import Steps
from ..scene.case import SceneCase
from ..scene.dicom_source import came_as_dicom, dicom_files
from ..translation import _
from .number_format import trouble

_INTERVAL_MS = 200


class DicomExport:
    """The button *Save DICOM…* and what it does.

    Parameters
    ----------
    ui : object
        Widgets of the panel by name.
    say : callable
        Shows a sentence.
    on_end : callable
        Called when it is done, or has failed.
    """

    def __init__(self, ui: Any, say: Callable[[str], None], on_end: Callable[[], None]) -> None:
        self._ui, self._say, self._on_end = ui, say, on_end
        self._case: SceneCase | None = None
        self._work = InSteps(self._end)
        self._stage = ""
        self._timer = qt.QTimer()
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.connect("timeout()", lambda: self._say(f"{self._stage}…"))
        ui.dicomButton.connect("clicked()", self.start)

    @property
    def busy(self) -> bool:
        """Whether objects are being written."""
        return self._work.busy

    def show(self, case: SceneCase | None, ready: bool) -> None:
        """Switch the button: `ready` where there are scores, and they are those of the segments."""
        self._case = case
        from_dicom = case is not None and came_as_dicom(case.volume)
        self._ui.dicomButton.setEnabled(ready and from_dicom and not self.busy)
        self._ui.dicomButton.toolTip = (
            _("Save the segments and the scores as DICOM objects of the CTA's study; they name the patient")
            if from_dicom or case is None
            else _("Only for a CTA that was loaded from DICOM, from files that are still there")
        )

    def start(self) -> None:
        """Ask for a folder and write the objects into it."""
        case = self._case
        if case is None or self.busy:
            return
        try:
            if not install.ensure(networks=False, dicom=True):
                return
        except CalcScoreError as error:
            self._end(None, error)
            return
        folder = _ask()
        if folder is None:
            return
        self._stage = _("Reading the segments")
        self._work.start(self._steps(case, folder))
        self._timer.start()
        self._ui.dicomButton.setEnabled(False)

    def close(self) -> None:
        """Let what is being written end unheard."""
        self._timer.stop()
        self._work.forget()

    def _steps(self, case: SceneCase, folder: Path) -> Steps[Path]:
        """Read the segments, then make and write the objects in a thread."""
        scored = yield from case.scored_steps()
        order = DicomOrder(dicom_files(case.volume), case.volume.GetName())
        yield lambda: write_objects(folder, scored, order, self._tell)
        return folder

    def _tell(self, stage: str) -> None:
        """Take down what is being done; in the thread, so that the timer shows it."""
        self._stage = stage[:1].upper() + stage[1:]

    def _end(self, folder: Path | None, error: BaseException | None) -> None:
        self.close()
        if isinstance(error, CalcScoreError):
            self._say(trouble(error))
        elif error is not None:
            raise error
        else:
            self._say(_("Saved {names} in {folder}").format(names=_(" and ").join(DICOM_OBJECTS), folder=folder))
        self._on_end()


def _ask() -> Path | None:
    """Ask for a folder; None where the user thought better of it, or of replacing objects that are there."""
    chosen = qt.QFileDialog.getExistingDirectory(
        slicer.util.mainWindow(), _("Folder for segmentation.dcm and scores.dcm"), str(settings.folder())
    )
    if not chosen:
        return None
    folder = Path(chosen)
    settings.set_folder(folder)
    there = [name for name in DICOM_OBJECTS if (folder / name).exists()]
    question = _("{names} in this folder will be replaced.").format(names=_(" and ").join(there))
    if there and not slicer.util.confirmOkCancelDisplay(question, _("CalcScore: save DICOM")):
        return None
    return folder
