"""What the numbers in a model's label maps mean, by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..errors import InputError
from .json_objects import member, shown
from .model import Role

_PLURALS = {"arteries": "artery", "calcifications": "calcification", "iliacs": "iliac", "renals": "renal"}


def read_labels(path: Path, dataset: dict[str, Any]) -> tuple[Role, dict[int, int]]:
    """Map the labels of a ``dataset.json`` on ours.

    Parameters
    ----------
    path : Path
        The file, for messages.
    dataset : dict
        Its content.

    Returns
    -------
    role : Role
        The ensemble whose labels these are.
    label_values : dict of int to int
        From the model's values to ours; a further label beside ours (a vein, an organ) counts as background, 0.

    Raises
    ------
    InputError
        The names are not those of one ensemble, or the values are not those of a label map.
    """
    labels = dict(member(path, dataset, "labels", dict))
    if dataset.get("regions_class_order") is not None or any(isinstance(value, list) for value in labels.values()):
        raise InputError(f"{path}: the labels are regions (sets of labels), train the model with plain labels")
    ignored = labels.pop("ignore", None)
    if labels.pop("background", None) != 0:
        raise InputError(f"{path}: 'labels' has no 'background' of value 0, train the model with one")
    names = {_plain(name): value for name, value in labels.items()}
    for role in Role:
        ours = {label.key: int(label) for label in role.labels}
        if len(labels) == len(names) and set(ours) <= set(names):
            _check_values(path, labels, ignored)
            return role, {value: ours.get(name, 0) for name, value in sorted(names.items(), key=lambda item: item[1])}
    raise InputError(
        f"{path}: the labels are {shown(labels)}, but a territory model has {_expected(Role.TERRITORIES)} "
        f"and a calcification model {_expected(Role.CALCIFICATION)}: rename them if they mean the same "
        "(further labels beside these count as background)"
    )


def _plain(name: str) -> str:
    """Reduce e.g. ``"Iliac_arteries"`` to ``"iliac"``."""
    words = [_PLURALS.get(word, word) for word in re.findall(r"\w+", name.casefold().replace("_", " "))]
    if len(words) > 1 and words[-1] == "artery":
        words.pop()
    return " ".join(words)


def _check_values(path: Path, labels: dict[str, Any], ignored: Any) -> None:
    """Refuse values that are not 1, 2, 3 …: nnU-Net writes the number of the output channel."""
    wanted = list(range(1, len(labels) + 1))
    values = list(labels.values())
    if any(type(value) is not int for value in values) or sorted(values) != wanted:
        raise InputError(f"{path}: the label values are {shown(values)} and should be {wanted} in any order")
    if ignored is not None and (type(ignored) is not int or ignored != len(labels) + 1):
        raise InputError(f"{path}: the value of 'ignore' is {shown(ignored)} and should be {len(labels) + 1}")


def _expected(role: Role) -> str:
    return ", ".join(label.key for label in role.labels)
