"""How all figures of a study look: one printed column wide, 300 dpi, colours that colour-blind readers tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..anatomy import COMBINED, STRUCTURES, Territory
from .cases import ADAPTIVE, FIXED, IDEAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN_INCHES = 88 / 25.4
DPI = 300
GREY = "#55555c"
LIGHT_GREY = "#c4c4c8"

RC = {
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "calcscore",
}
"""Matplotlib settings; text of 6.5 points or more stays readable in print."""

TITLES = {**{t.key: s.title for t, s in STRUCTURES.items()}, COMBINED: "Combined"}
COLOURS = {**{t.key: "#{:02x}{:02x}{:02x}".format(*STRUCTURES[t].colour) for t in Territory}, COMBINED: "#1c1c1f"}

_METHOD_STYLES = {
    IDEAL: (COLOURS["renal"], "s"),
    ADAPTIVE: (COLOURS[COMBINED], "v"),
    FIXED: (COLOURS["aorta"], "^"),
}
_PREDICTION_STYLES = tuple((COLOURS[key], marker) for key, marker in (("iliac", "o"), ("mesenteric", "D")))


def method_style(method: str, methods: list[str]) -> tuple[str, str]:
    """Give colour and marker of a method; further predictions take turns."""
    if method in _METHOD_STYLES:
        return _METHOD_STYLES[method]
    predictions = [name for name in methods if name not in _METHOD_STYLES]
    return _PREDICTION_STYLES[predictions.index(method) % len(_PREDICTION_STYLES)]


@dataclass(frozen=True)
class Picture:
    """A figure that was written.

    Attributes
    ----------
    path : Path
        The PNG; the SVG lies beside it.
    kind : str
        Figures of one kind stand together in the page.
    caption : str
        What it shows.
    """

    path: Path
    kind: str
    caption: str


def save(figure: Figure, folder: Path, name: str, kind: str, caption: str) -> Picture:
    """Write a figure as PNG (300 dpi) and as SVG.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    folder : Path
        Where to.
    name : str
        File name without ending.
    kind, caption : str
        For the page.

    Returns
    -------
    Picture
        The PNG and what it shows.
    """
    about: dict[str, Any] = {"Description": caption}
    # Room for the labels is made once, not for each format.
    if engine := figure.get_layout_engine():
        engine.execute(figure)
        figure.set_layout_engine("none")
    for suffix in (".svg", ".png"):
        # No date in it: the same study gives the same file.
        metadata = {**about, "Date": None} if suffix == ".svg" else about
        figure.savefig(folder / f"{name}{suffix}", dpi=DPI, metadata=metadata)
    return Picture(folder / f"{name}.png", kind, caption)


def file_word(method: str) -> str:
    """Turn a method's name into a part of a file name."""
    return "".join(letter if letter.isalnum() else "_" for letter in method.casefold())


def capital(text: str) -> str:
    """Begin with a capital letter and leave the others as they are."""
    return text[:1].upper() + text[1:]


def number(value: float, digits: int, signed: bool = True) -> str:
    """Write a figure with a true minus sign."""
    return f"{value:{'+' if signed else ''}.{digits}f}".replace("-", "−")
