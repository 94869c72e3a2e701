"""Files for the outside: the table as CSV, and the report with its picture."""

from __future__ import annotations

import re
from pathlib import Path

import qt
import slicer

from CalcScoreLogic.report.case_page import write_report
from CalcScoreLogic.report.projections import projections

from ..scene.case import SceneCase
from ..scene.volumes import volume_image
from ..translation import _


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


def save_report(case: SceneCase) -> Path | None:
    """Ask for a file, write the report into it and open it; parameters, return and errors as `save_csv`."""
    path = _ask(_("Save the report"), case, "report.html", _("Web pages (*.html)"))
    if path is None:
        return None
    with slicer.util.WaitCursor():
        scored = case.scored_case()
        images = (scored.territories, scored.shortened, scored.calcification)
        write_report(path, scored.result, projections(volume_image(case.volume), *images))
    qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(path)))
    return path


def _ask(title: str, case: SceneCase, ending: str, kinds: str) -> Path | None:
    """Ask where to save; the name that is proposed starts with the case's."""
    folder = Path(str(slicer.util.settingsValue("CalcScore/Folder", str(Path.home()))))
    plain = re.sub(r"[^\w.-]+", "_", case.result().case).strip("_") or "case"
    chosen = qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), title, str(folder / f"{plain}_{ending}"), kinds)
    if not chosen:
        return None
    path = Path(chosen)
    qt.QSettings().setValue("CalcScore/Folder", str(path.parent))
    return path if path.suffix else path.with_suffix(Path(ending).suffix)
