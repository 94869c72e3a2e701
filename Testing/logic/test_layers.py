"""Who may import whom: downwards only, no circles, heavy libraries only where they are fenced in."""

from __future__ import annotations

from pathlib import Path

import pytest

from Testing.architecture_picture import PICTURE, draw
from Testing.layers import FENCED, PACKAGES, ROOT, imports, modules, room_of

KNOWN = modules()
IMPORTS = {name: sorted(set(imports(name, file, KNOWN))) for name, file in KNOWN.items()}


def test_every_module_has_a_room() -> None:
    assert [name for name in KNOWN if room_of(name) is None] == []


def test_imports_point_downwards() -> None:
    wrong = []
    for name, targets in IMPORTS.items():
        here = room_of(name)
        assert here is not None
        for target, line in targets:
            there = room_of(target)
            if there is None or there[1] == here[1]:
                continue
            if there[0] <= here[0]:
                wrong.append(f"{name}:{line} imports {target}")
    assert wrong == []


@pytest.mark.parametrize("packages", [PACKAGES, {"Testing": ROOT / "Testing"}], ids=["product", "tests"])
def test_no_module_imports_itself_by_way_of_others(packages: dict[str, Path]) -> None:
    known = modules(packages)
    graph = {
        name: {target for target, _ in imports(name, file, known) if target in known and target != name}
        for name, file in known.items()
    }
    # What imports nothing that is left can be in no circle; what stays in the end is circles and what needs them.
    left = dict(graph)
    while True:
        free = [name for name, targets in left.items() if not targets & (left.keys() - {name})]
        if not free:
            break
        for name in free:
            del left[name]
    assert left == {}


def test_heavy_libraries_are_fenced_in() -> None:
    wrong = []
    for name, targets in IMPORTS.items():
        for target, line in targets:
            allowed = FENCED.get(target.split(".")[0])
            if allowed is not None and not name.startswith(allowed):
                wrong.append(f"{name}:{line} imports {target}")
    assert wrong == []


def test_the_picture_in_the_docs_shows_these_layers() -> None:
    assert PICTURE.read_text(encoding="utf-8") == draw(), "draw it again: python -m Testing.architecture_picture"
