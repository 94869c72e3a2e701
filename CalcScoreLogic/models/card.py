"""The card of a model: what another site should know before it uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..csv_files import read_csv
from ..errors import InputError
from .model import Model, Role

CARD = "README.md"
"""Name of the card in a model's folder."""

_TABLE = "table2.csv"
_COLUMNS = ("structure", "method", "metric", "mean", "sd", "min", "n")
_ROWS = {
    Role.TERRITORIES: ("aorta", "iliac", "mesenteric", "renal", "combined"),
    Role.CALCIFICATION: ("calcification",),
}


@dataclass(frozen=True)
class MeasuredDice:
    """Overlap with a reference, over the cases of a study."""

    mean: str
    sd: str
    lowest: str
    cases: str


def read_measured(study: Path) -> dict[str, MeasuredDice]:
    """Read the Dice of a study's first method.

    Parameters
    ----------
    study : Path
        Folder that ``calcscore evaluate`` wrote.

    Returns
    -------
    dict of str to MeasuredDice
        By structure.

    Raises
    ------
    InputError
        The folder holds no such table.
    """
    path = study / _TABLE
    if not path.is_file():
        raise InputError(f"{study}: there is no {_TABLE} in it, give a folder that calcscore evaluate wrote")
    lines = [line.cells for line in read_csv(path, _COLUMNS) if line.cells["metric"] == "dice"]
    first = lines[0]["method"] if lines else ""
    return {
        cells["structure"]: MeasuredDice(_short(cells["mean"]), _short(cells["sd"]), _short(cells["min"]), cells["n"])
        for cells in lines
        if cells["method"] == first
    }


def card_of(model: Model, measured: Mapping[str, MeasuredDice]) -> str:
    """Write the card of a model.

    Parameters
    ----------
    model : Model
        The model.
    measured : mapping of str to MeasuredDice
        By structure; empty where nothing was measured.

    Returns
    -------
    str
        Markdown.
    """
    spacing = " x ".join(f"{length:.3g}" for length in model.spacing_mm)
    patch = " x ".join(map(str, model.patch_size))
    facts = (
        ("Labels", model.role.value),
        ("Trained on", model.trained_on or "not told"),
        ("Networks", f"folds {', '.join(map(str, model.folds))}; voxels of {spacing} mm, patches of {patch} voxels"),
        ("Trainer", model.trainer),
        ("Mirrored copies", "allowed" if model.mirroring_axes else "not allowed: it tells the sides of the body apart"),
        ("Fingerprint", f"`{model.fingerprint}`"),
    )
    lines = [f"# {model.name}", "", *(f"- **{name}:** {told}" for name, told in facts), "", "## Measured Dice", ""]
    lines += _measured(model, measured)
    lines += ["", "## Limits", "", *(f"- {limit}" for limit in _limits(model)), "", "## Install", ""]
    lines += [
        "`calcscore models install ZIP`; the fingerprint that it prints must be the one above. It is the SHA-256 of",
        "what `sha256sum dataset.json plans.json fold_*/checkpoint_final.pth` prints in the model's folder. Stock",
        "nnU-Net (`nnUNetv2_predict`) runs the folder too.",
        "",
    ]
    return "\n".join(lines)


def _measured(model: Model, measured: Mapping[str, MeasuredDice]) -> list[str]:
    rows = [(name, measured[name]) for name in _ROWS[model.role] if name in measured]
    if not rows:
        return ["Nothing was measured when this was packed."]
    head = ["| structure | mean | SD | lowest | cases |", "| --- | --- | --- | --- | --- |"]
    return head + [f"| {name} | {d.mean} | {d.sd} | {d.lowest} | {d.cases} |" for name, d in rows]


def _limits(model: Model) -> Sequence[str]:
    limits = []
    if model.demo:
        limits.append("It knows synthetic phantoms only; on the CT of a patient its labels mean nothing.")
    if model.synthetic:
        limits.append("It learned from synthetic CTA of real anatomy, from no patient's image.")
    if model.missing_folds:
        limits.append(f"Folds {', '.join(map(str, model.missing_folds))} of a five-fold ensemble are missing.")
    if model.note:
        limits.append(f"{model.note[:1].upper()}{model.note[1:]}.".replace("..", "."))
    limits.append("Other scanners, phases and patients than it was trained on: check it on labelled cases of your own.")
    return limits


def _short(number: str) -> str:
    return f"{float(number):.3f}" if number else "–"
