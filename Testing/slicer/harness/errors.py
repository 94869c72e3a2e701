"""What nobody would see in the application: exceptions in Qt slots, virtual functions and VTK observers."""

from __future__ import annotations

import sys
import traceback

import vtk

_NOT_OF_THE_APPLICATION = ("bad X server connection", "vtkMRMLColorTableNodeFileGenericColors.txt can't be found")
"""What is said of a machine without a screen, and of colours that slicer-core does not bring."""

reported: list[str] = []


class HarnessError(Exception):
    """The harness cannot go on as the real application would."""


class NotStoodInError(HarnessError):
    """The real class has this member, its stand-in does not."""


class KeywordToQtError(BaseException):
    """A keyword argument went to a Qt call: the real application can hang for ever.

    Not an Exception, so that no ``except Exception`` of a module hides it.
    """


def report(error: BaseException, where: str) -> None:
    """Print an exception that real PythonQt would print and lose, and keep it for the running test."""
    text = "".join(traceback.format_exception(error))
    reported.append(f"{where}: {text}")
    sys.stderr.write(f"{where}: {text}")


def complain(text: str) -> None:
    """Keep a complaint about the module under test that is no exception."""
    reported.append(text)
    sys.stderr.write(text + "\n")


def watch_log() -> None:
    """Keep what VTK would write into the application's error log; its icon turns red for every line."""
    window = vtk.vtkOutputWindow.GetInstance()
    for event in ("ErrorEvent", "WarningEvent"):
        window.AddObserver(event, _logged)


@vtk.calldata_type(vtk.VTK_STRING)
def _logged(window: object, event: str, text: str) -> None:
    if not any(known in text for known in _NOT_OF_THE_APPLICATION):
        reported.append(f"error log: {text.strip()}")
