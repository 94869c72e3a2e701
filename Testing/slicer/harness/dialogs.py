"""Dialogs are recorded and answered instead of shown: a modal dialog would wait for ever."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from PySide6 import QtCore, QtGui, QtWidgets

from Testing.slicer.harness.errors import complain
from Testing.slicer.harness.pythonqt.values import to_python

Answer = str | tuple[str, ...] | Callable[[Any], Any]


class Shown(NamedTuple):
    """One dialog the module opened."""

    kind: str
    title: str
    text: str
    buttons: tuple[str, ...]
    details: str


class Dialogs:
    """What was shown, and what the user will answer next."""

    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self.urls: list[str] = []
        self._answers: deque[Answer] = deque()

    def answer(self, *answers: Answer) -> None:
        """Queue answers: a button's text (``"Yes"``), a path for a file dialog, or a function given the dialog."""
        self._answers.extend(answers)

    def clear(self) -> None:
        """Forget everything, answers included."""
        self.shown.clear()
        self.urls.clear()
        self._answers.clear()

    def unused_answers(self) -> list[Answer]:
        """Return answers that nothing asked for."""
        return list(self._answers)

    def run(self, dialog: QtWidgets.QDialog) -> Any:
        """Stand in for ``exec``: record the dialog, answer it, return its result."""
        if isinstance(dialog, QtWidgets.QMessageBox):
            return self._run_message_box(dialog)
        self.shown.append(Shown(type(dialog).staticMetaObject.className(), dialog.windowTitle(), "", (), ""))
        answer = self._next(f"dialog '{dialog.windowTitle()}'")
        if callable(answer):
            dialog.show()
            answer(to_python(dialog))
            dialog.hide()
        elif answer is not None:
            complain(f"the dialog '{dialog.windowTitle()}' needs a function as its answer, not {answer!r}")
        return dialog.result()

    def choose_path(self, kind: str, title: str) -> str | tuple[str, ...]:
        """Stand in for a file dialog; "" is Cancel."""
        self.shown.append(Shown(kind, title, "", (), ""))
        answer = self._next(f"{kind} '{title}'")
        return answer if isinstance(answer, (str, tuple)) else ""

    def ask(self, kind: str, title: str, text: str, buttons: list[str]) -> str:
        """Record a message and return the text of the button that the user presses."""
        self.shown.append(Shown(kind, title.strip(), text, tuple(buttons), ""))
        return self._pressed(text, buttons)

    def _run_message_box(self, box: QtWidgets.QMessageBox) -> Any:
        action = QtWidgets.QMessageBox.ButtonRole.ActionRole  # "Show Details..." closes nothing
        closing = [b for b in box.buttons() if box.buttonRole(b) != action]
        names = {_button_name(box.standardButton(b)) or b.text().replace("&", ""): b for b in closing}
        kind = box.icon().name
        self.shown.append(Shown(kind, box.windowTitle().strip(), box.text(), tuple(names), box.detailedText()))
        pressed = self._pressed(box.text(), list(names))
        if pressed not in names:
            return QtWidgets.QMessageBox.StandardButton.Ok
        names[pressed].click()
        standard = box.standardButton(names[pressed])
        return standard.value or box.result()

    def _pressed(self, text: str, buttons: list[str]) -> str:
        if not self._answers and len(buttons) <= 1:
            return buttons[0] if buttons else "Ok"
        answer = self._next(f"message '{text}' with {buttons}")
        if answer is None or answer in buttons:
            return str(answer or next((b for b in ("Cancel", "No", "Close") if b in buttons), buttons[-1]))
        complain(f"the message '{text}' has no button {answer!r}, only {buttons}")
        return buttons[-1]

    def _next(self, what: str) -> Answer | None:
        if self._answers:
            return self._answers.popleft()
        complain(f"nobody answers the {what}: queue an answer with dialogs.answer(...)")
        return None


def _button_name(button: QtWidgets.QMessageBox.StandardButton) -> str:
    return "" if button == QtWidgets.QMessageBox.StandardButton.NoButton else button.name


dialogs = Dialogs()


def file_dialog(kind: str) -> Callable[..., str | tuple[str, ...]]:
    """Return the stand-in of one static function of QFileDialog; PythonQt gives the path alone."""

    def choose(parent: object = None, caption: str = "", *rest: object) -> str | tuple[str, ...]:
        return dialogs.choose_path(kind, str(caption))

    return choose


def message(kind: str, default: QtWidgets.QMessageBox.StandardButton) -> Callable[..., Any]:
    """Return the stand-in of one static function of QMessageBox."""

    def show(parent: object, title: str, text: str, *rest: Any) -> Any:
        flags = QtWidgets.QMessageBox.StandardButton(int(rest[0]) if rest else default)
        pressed = dialogs.ask(kind, title, text, [button.name for button in flags])
        return QtWidgets.QMessageBox.StandardButton[pressed]

    return show


def open_url(url: QtCore.QUrl) -> bool:
    """Stand in for QDesktopServices.openUrl: remember, open nothing."""
    dialogs.urls.append(url.toString())
    return True


def statics() -> dict[type, dict[str, Callable[..., Any]]]:
    """Return the static functions that would block or leave the process, by class."""
    button = QtWidgets.QMessageBox.StandardButton
    files = ("getOpenFileName", "getOpenFileNames", "getSaveFileName", "getExistingDirectory")
    questions = {"question": button.Yes | button.No}
    boxes = {name: questions.get(name, button.Ok) for name in ("information", "question", "warning", "critical")}
    return {
        QtWidgets.QFileDialog: {name: file_dialog(name) for name in files},
        QtWidgets.QMessageBox: {name: message(name.capitalize(), default) for name, default in boxes.items()},
        QtGui.QDesktopServices: {"openUrl": open_url},
    }
