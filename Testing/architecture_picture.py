"""The picture of the layers in the docs, drawn from the table that the test of the imports uses.

``python -m Testing.architecture_picture`` draws ``docs/pictures/architecture.svg`` again.
"""

from __future__ import annotations

from html import escape

from Testing.layers import LAYERS, ROOT, Room

PICTURE = ROOT / "docs" / "pictures" / "architecture.svg"

_WIDTH, _LEFT, _RIGHT, _TOP = 900, 164, 24, 44
_BOX, _GAP, _GROUP_GAP = 44, 10, 26
_FONT = 'font-family="Helvetica, Arial, sans-serif"'
_GROUPS = {
    "CalcScoreLib": ("CalcScore/", "in 3D Slicer", "#0072b2"),
    "CalcScoreLogic": ("CalcScoreLogic/", "plain Python", "#009e73"),
}


def draw() -> str:
    """Draw the layers, the uppermost first."""
    parts, y, group, began = [], _TOP, "", _TOP
    for layer in LAYERS:
        package = layer[0].modules[0].split(".")[0]
        if package != group:
            parts += _group(group, began, y - _GAP) if group else []
            y, group = (y + _GROUP_GAP if group else y), package
            began = y
        width = (_WIDTH - _LEFT - _RIGHT - _GAP * (len(layer) - 1)) / len(layer)
        for place, room in enumerate(layer):
            parts += _box(room, _LEFT + place * (width + _GAP), y, width, _GROUPS[group][2])
        y += _BOX + _GAP
    parts += _group(group, began, y - _GAP)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y + 8}" viewBox="0 0 {_WIDTH} {y + 8}">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="26" {_FONT} font-size="13" fill="#555555">Imports point downwards only; '
        "rooms side by side do not know each other.</text>",
    )
    return "\n".join([*head, *parts, "</svg>"]) + "\n"


def _box(room: Room, x: float, y: float, width: float, colour: str) -> list[str]:
    return [
        f'<rect x="{x:g}" y="{y}" width="{width:g}" height="{_BOX}" rx="6" fill="{colour}" fill-opacity="0.1" '
        f'stroke="{colour}" stroke-opacity="0.6"/>',
        f'<text x="{x + 12:g}" y="{y + 19}" {_FONT} font-size="14" font-weight="bold" fill="#222222">'
        f"{escape(room.name)}</text>",
        f'<text x="{x + 12:g}" y="{y + 35}" {_FONT} font-size="12" fill="#444444">{escape(room.purpose)}</text>',
    ]


def _group(package: str, top: int, bottom: int) -> list[str]:
    name, where, colour = _GROUPS[package]
    return [
        f'<rect x="{_LEFT - 16}" y="{top}" width="4" height="{bottom - top}" rx="2" fill="{colour}"/>',
        f'<text x="14" y="{top + 16}" {_FONT} font-size="14" font-weight="bold" fill="{colour}">{name}</text>',
        f'<text x="14" y="{top + 34}" {_FONT} font-size="12" fill="#444444">{where}</text>',
    ]


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
