"""Files for the outside: the table as CSV, and the report with its picture."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import qt
import slicer

from CalcScoreLogic.errors import CalcScoreError
from CalcScoreLogic.report.case_page import write_report
from CalcScoreLogic.report.projections import projections

from .. import settings
from ..background_work import InSteps
from ..incremental_work import Steps
from ..scene.case import SceneCase
from ..scene.volumes import volume_image
from ..translation import _
from .number_format import trouble


def save_csv(case: SceneCase) -> Path | None:
    """Ask for a file and write the scores into it.

    Parameters
    ----------
    case : SceneCase
        The case.

    Returns
    -------
    Path or None
        The file; None where the user thought better of it.

    Raises
    ------
    CalcScoreError
        The file cannot be written.
    """
    path = _ask(_("Save the scores"), case, "scores.csv", _("Comma separated values (*.csv)"))
    if path is not None:
        case.result().write_csv(path)
    return path


class ReportExport:
    """The button *Report…*: asks for a file, writes the report beside the user interface, and opens it.

    Parameters
    ----------
    say : callable
        Shows a sentence.
    on_end : callable
        Called when it starts, is done, or has failed.
    saved : callable
        Called with the file that was saved.
    """

    def __init__(self, say: Callable[[str], None], on_end: Callable[[], None], saved: Callable[[Path], None]) -> None:
        self._say, self._on_end, self._saved = say, on_end, saved
        self._work = InSteps(self._end)

    @property
    def busy(self) -> bool:
        """Whether a report is being written."""
        return self._work.busy

    def start(self, case: SceneCase | None) -> None:
        """Ask for a file and write the report of a case into it."""
        if case is None or self.busy:
            return
        path = _ask(_("Save the report"), case, "report.html", _("Web pages (*.html)"))
        if path is None:
            return
        self._say(_("Writing the report…"))
        self._work.start(_report_steps(case, path))
        self._on_end()

    def close(self) -> None:
        """Let what is being written end unheard."""
        self._work.forget()

    def _end(self, path: Path | None, error: BaseException | None) -> None:
        if isinstance(error, CalcScoreError):
            self._say(trouble(error))
        elif error is not None:
            raise error
        else:
            self._say("")
            self._saved(path)
            qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(path)))
        self._on_end()


def _report_steps(case: SceneCase, path: Path) -> Steps[Path]:
    """Read the segments in pieces; draw and write in a thread."""
    scored = yield from case.scored_steps()
    cta = volume_image(case.volume)
    yield lambda: write_report(path, scored.result, projections(cta, scored.on_grid(cta.geometry)))
    return path


def _ask(title: str, case: SceneCase, ending: str, kinds: str) -> Path | None:
    """Ask where to save; the name that is proposed starts with the case's."""
    plain = re.sub(r"[^\w.-]+", "_", case.result().case).strip("_") or "case"
    proposed = str(settings.folder() / f"{plain}_{ending}")
    chosen = qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), title, proposed, kinds)
    if not chosen:
        return None
    path = Path(chosen)
    settings.set_folder(path.parent)
    return path if path.suffix else path.with_suffix(Path(ending).suffix)
