"""The names that real Slicer shows to Python, listed from its headers and from a running application."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "api"


# slicer.util itself calls these; the lists of headers miss them
KNOWN_FROM_UTIL = {
    "qSlicerCoreApplication": {"testingEnabled"},
    "qSlicerAbstractCoreModule": {"widgetRepresentation", "createNewWidgetRepresentation"},
}


class ClassNames(NamedTuple):
    """Names of one ctk or Slicer class, those of its bases included, down to the Qt class it derives from."""

    qt_base: str
    props: set[str]
    callables: set[str]
    signals: set[str]

    def every(self) -> set[str]:
        """Return all names."""
        return self.props | self.callables | self.signals


@functools.cache
def widget_lists() -> dict[str, dict[str, list[str]]]:
    """Return, by class of Slicer 5.12, base, properties, callables and signals."""
    return json.loads((FOLDER / "widgets_5.12.json").read_text())


@functools.cache
def runtime_members() -> dict[str, list[str]]:
    """Return, by class of a running Slicer 5.2, all members it answered to ``dir()``, enumerations included."""
    return json.loads((FOLDER / "runtime_members_5.2.json").read_text())


@functools.cache
def util_signatures() -> dict[str, dict[str, str]]:
    """Return, by Slicer version, the parameters of each function of ``slicer.util`` and ``slicer.packaging``."""
    return json.loads((FOLDER / "util_signatures.json").read_text())


def observed_text() -> str:
    """Return what the real PythonQt answered to each expression."""
    return (FOLDER / "pythonqt_observed.txt").read_text()


@functools.cache
def class_names(name: str) -> ClassNames:
    """Return the names of a class with those of its ctk and Slicer bases.

    Raises
    ------
    KeyError
        When Slicer has no such class.
    """
    lists = widget_lists()
    found = ClassNames("", set(), set(), set())
    while name in lists:
        entry = lists[name]
        found.props.update(entry["props"])
        found.callables.update(entry["callables"], KNOWN_FROM_UTIL.get(name, ()))
        found.signals.update(entry["signals"])
        name = entry["base"] or "QObject"
    if not name.startswith("Q"):
        raise KeyError(f"Slicer has no class {name}")
    return found._replace(qt_base=name)
