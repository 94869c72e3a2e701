"""Classes, properties and connections of .ui files."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from pathlib import Path

from Testing.slicer.harness.names.known import class_info
from Testing.slicer.harness.names.rules import Finding


def object_classes(paths: Iterable[Path]) -> dict[str, str]:
    """Return the class of every named object."""
    return {e.get("name", ""): _class_of(e) for path in paths for e in _objects(path) if e.get("name")}


def _class_of(element: ET.Element) -> str:
    return "QAction" if element.tag == "action" else element.get("class", "")


def _objects(path: Path) -> Iterator[ET.Element]:
    root = ET.parse(path).getroot()  # noqa: S314 - the module's own file
    yield from (element for element in root.iter() if element.tag in ("widget", "layout", "action"))


def check_ui(path: Path) -> Iterator[Finding]:
    """Find classes, properties and signals that real Slicer does not have."""
    for element in _objects(path):
        kind, name = _class_of(element), element.get("name", "")
        info = class_info(kind)
        if info is None:
            yield Finding(str(path), 0, f"{name}: no class {kind}")
            continue
        for entry in element.findall("property"):
            given = entry.get("name", "")
            if entry.get("stdset") != "0" and given not in info.properties and not _is_loaders_own(element, given):
                yield Finding(str(path), 0, f"{name}: {kind} has no property {given}")
    yield from _check_connections(path)


def _is_loaders_own(element: ET.Element, name: str) -> bool:
    """Whether the loader itself understands a property that the class does not have."""
    is_margin = element.tag == "layout" and name.endswith(("Margin", "Spacing"))
    return is_margin or (name == "buddy" and element.get("class") == "QLabel")


def _check_connections(path: Path) -> Iterator[Finding]:
    objects = object_classes([path])
    for wire in ET.parse(path).getroot().iter("connection"):  # noqa: S314 - the module's own file
        sender, signal = wire.findtext("sender", ""), wire.findtext("signal", "")
        receiver, slot = wire.findtext("receiver", ""), wire.findtext("slot", "")
        source, target = class_info(objects.get(sender, "")), class_info(objects.get(receiver, ""))
        if source is None or not source.has_signal(signal):
            yield Finding(str(path), 0, f"{sender} has no signal {signal}")
        if target is None or slot.partition("(")[0] not in target.members:
            yield Finding(str(path), 0, f"{receiver} has no slot {slot}")
