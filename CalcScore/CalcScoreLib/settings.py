"""What belongs to this computer and not to a scene: device, interpreter, folder; in the application's settings."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import qt
import slicer

_DEVICE, _INTERPRETER, _FOLDER = "CalcScore/Device", "CalcScore/Interpreter", "CalcScore/Folder"


def device() -> str:
    """Give the device that the networks run on."""
    return str(slicer.util.settingsValue(_DEVICE, "auto"))


def set_device(name: str) -> None:
    """Keep the device."""
    qt.QSettings().setValue(_DEVICE, name)


def chosen_interpreter() -> str:
    """Give the Python that the user chose; empty for Slicer's own."""
    return str(slicer.util.settingsValue(_INTERPRETER, ""))


def set_interpreter(path: str) -> None:
    """Keep the Python; empty for Slicer's own."""
    qt.QSettings().setValue(_INTERPRETER, path.strip())


def folder() -> Path:
    """Give the folder that something was last saved in; the user's own before."""
    return Path(str(slicer.util.settingsValue(_FOLDER, str(Path.home()))))


def set_folder(path: Path) -> None:
    """Keep the folder that something was saved in."""
    qt.QSettings().setValue(_FOLDER, str(path))


def interpreter() -> str:
    """Give the Python that runs the networks: the chosen one, else Slicer's own."""
    return chosen_interpreter() or _own_interpreter()


def environment_of(python: str) -> dict[str, str] | None:
    """Give the environment variables that a Python needs; None for those of the application.

    The application's name its own libraries, with which no other Python starts.
    """
    return None if python == _own_interpreter() else slicer.util.startupEnvironment()


def _own_interpreter() -> str:
    # Inside the application sys.executable can be the application itself.
    own = sys.executable if "python" in Path(sys.executable or "").name.lower() else ""
    return shutil.which("PythonSlicer") or own or shutil.which("python3") or "python3"
