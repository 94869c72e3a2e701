"""Dialogs, settings, timers, packages: recorded and isolated; what nobody sees is seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import qt
import slicer
import vtk
from packaging.requirements import Requirement

from Testing.slicer import harness


def test_a_question_is_answered(dialogs):
    dialogs.answer("Yes", "No")
    assert slicer.util.confirmYesNoDisplay("Go on?") is True
    assert slicer.util.confirmYesNoDisplay("Go on?") is False
    assert [(s.kind, s.text, s.buttons) for s in dialogs.shown] == [("Question", "Go on?", ("Yes", "No"))] * 2


def test_static_questions_are_answered(dialogs):
    dialogs.answer("Cancel")
    buttons = qt.QMessageBox.Ok | qt.QMessageBox.Cancel
    assert qt.QMessageBox.question(None, "Delete", "Sure?", buttons) == qt.QMessageBox.Cancel
    assert dialogs.shown[0].title == "Delete"


def test_messages_need_a_main_window(dialogs):
    slicer.util.infoDisplay("Done.")
    slicer.app._native.set_headless(True)
    slicer.util.infoDisplay("Done.")
    assert len(dialogs.shown) == 1


def test_a_question_nobody_answers_is_reported(dialogs):
    assert slicer.util.confirmYesNoDisplay("Go on?") is False
    assert "nobody answers the message 'Go on?'" in harness.reported.pop()


def test_an_answer_no_button_has_is_reported(dialogs):
    dialogs.answer("Maybe")
    slicer.util.confirmOkCancelDisplay("Go on?")
    assert "no button 'Maybe'" in harness.reported.pop()


def test_file_dialogs_give_the_path_alone(dialogs):
    dialogs.answer("/data/a.csv", "")
    assert qt.QFileDialog.getSaveFileName(None, "Save", "", "*.csv") == "/data/a.csv"
    assert qt.QFileDialog.getExistingDirectory(None, "Folder") == ""


def test_own_dialogs_are_filled_in(dialogs):
    dialog = qt.QDialog()
    line = qt.QLineEdit(dialog)

    def fill(shown):
        assert shown is dialog
        assert shown.visible
        line.text = "typed"
        shown.accept()

    dialogs.answer(fill)
    assert dialog.exec_() == qt.QDialog.Accepted
    assert line.text == "typed"


def test_links_are_not_opened(dialogs):
    assert qt.QDesktopServices.openUrl(qt.QUrl("https://www.slicer.org")) is True
    assert dialogs.urls == ["https://www.slicer.org"]


@pytest.mark.parametrize("number", [1, 2])
def test_settings_are_empty_in_every_test(number):
    assert qt.QSettings().value("CalcScore/number") is None
    assert str(slicer.app.temporaryPath) in qt.QSettings().fileName()
    qt.QSettings().setValue("CalcScore/number", number)
    qt.QSettings().setValue("CalcScore/on", False)
    assert slicer.util.settingsValue("CalcScore/on", True, converter=slicer.util.toBool) is False


def test_timers_run_while_settling():
    ticks = []
    timer = qt.QTimer()
    timer.setInterval(1)
    timer.connect("timeout()", lambda: ticks.append(1))
    timer.start()
    harness.settle(lambda: len(ticks) >= 3)
    timer.stop()
    with pytest.raises(TimeoutError, match="still waiting"):
        harness.settle(lambda: False, timeout=0.01)


def test_output_of_a_process_arrives_in_the_event_loop():
    lines, codes = [], []
    command = [sys.executable, "-c", "print('one'); print('two'); raise SystemExit(3)"]
    slicer.util.launchConsoleProcess(command, blocking=False, logCallback=lines.append, completedCallback=codes.append)
    harness.settle(lambda: codes)
    assert (lines, codes) == (["one", "two"], [3])


def test_packages_are_recorded(dialogs):
    dialogs.answer("Ok")
    slicer.packaging.pip_ensure([Requirement("numpy"), Requirement("no-such-package-1>=2")], requester="CalcScore")
    slicer.util.pip_install("other")
    assert [(r.action, r.requirements) for r in slicer.packaging.requests] == [
        ("install", ["no-such-package-1>=2"]),
        ("install", ["other"]),
    ]


def test_declining_packages_is_an_error(dialogs):
    dialogs.answer("Cancel")
    with pytest.raises(RuntimeError, match="declined"):
        slicer.packaging.pip_ensure([Requirement("no-such-package-1")])
    assert slicer.packaging.requests == []


def test_numpy_numbers_are_no_numbers_for_qt():
    spin = qt.QSpinBox()
    with pytest.raises(ValueError, match="wrong arguments"):
        spin.setValue(np.int64(3))
    with pytest.raises(AttributeError):
        spin.value = np.float32(3)
    spin.setValue(int(np.int64(3)))
    box = qt.QDoubleSpinBox()
    box.value = np.float64(2.5)
    assert (spin.value, box.value) == (3, 2.5)


def test_virtual_functions_of_subclasses_are_called():
    class Filter(qt.QObject):
        def __init__(self):
            qt.QObject.__init__(self)
            self.seen = []

        def eventFilter(self, watched, event):  # noqa: N802 - name is Qt's
            self.seen.append((watched, event.type()))
            return False

    button, seen = qt.QPushButton(), Filter()
    button.installEventFilter(seen)
    button.enabled = False
    assert seen.seen == [(button, qt.QEvent.EnabledChange)]


@pytest.mark.parametrize(
    ("provoke", "where"),
    [
        ("b = qt.QPushButton(); b.connect('clicked()', lambda: 1 / 0); b.click()", "a slot of clicked()"),
        ("qt.QTimer.singleShot(0, lambda: 1 / 0); harness.settle()", "a slot of QTimer.singleShot"),
        ("n = vtk.vtkObject(); n.AddObserver('ModifiedEvent', lambda *_: 1 / 0); n.Modified()", "uncaught exception"),
        (
            "W = type('W', (qt.QWidget,), {'sizeHint': lambda s: 1 / 0}); w = W(); w.adjustSize()",
            "exception in sizeHint of W",
        ),
    ],
)
def test_exceptions_nobody_sees_are_reported(provoke, where):
    exec(provoke, {"qt": qt, "vtk": vtk, "harness": harness})  # noqa: S102 - the lines above
    assert harness.reported
    assert all("ZeroDivisionError" in text for text in harness.reported)
    assert where in harness.reported[0]
    harness.reported.clear()


FAILING = """
import qt, slicer
from Testing.slicer.harness import dialogs
def test_slot():
    b = qt.QPushButton(); b.connect("clicked()", lambda: 1 / 0); b.click()
def test_observer():
    n = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode")
    n.AddObserver("ModifiedEvent", lambda *_: 1 / 0); n.Modified()
def test_question():
    slicer.util.confirmYesNoDisplay("Go on?")
def test_answer():
    dialogs.answer("Yes")
def test_fine():
    assert slicer.app
"""
ROOT = Path(__file__).parents[2]


def outcome(folder: Path, before: str = "") -> str:
    """Run the tests above as tests of this folder, in a process of their own."""
    path = folder / "test_failing.py"
    path.write_text(FAILING)
    options = ["-p", "Testing.slicer.conftest", "-p", "no:cacheprovider", "-rs", "--rootdir", str(folder), str(path)]
    code = f"import sys\n{before}\nimport pytest\nsys.exit(pytest.main({options}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    return done.stdout + done.stderr


def test_such_tests_fail(tmp_path):
    assert "5 passed, 4 errors" in outcome(tmp_path)


def test_without_slicer_core_all_are_skipped(tmp_path):
    output = outcome(tmp_path, "sys.modules['slicer_core'] = None")
    assert "1 skipped" in output
    assert "needs slicer-core and PySide6" in output
