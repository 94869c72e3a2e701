"""What a training tells of the models that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class About:
    """What the card of a model says beside its role.

    Attributes
    ----------
    name : str
        How the names of both ensembles begin.
    trained_on : str
        On what, for a reader.
    note : str
        What a user should know.
    demo : bool
        The networks know phantoms only.
    synthetic : bool
        The networks have seen no patient's image.
    """

    name: str
    trained_on: str
    note: str = ""
    demo: bool = False
    synthetic: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Give what the settings of a work folder and ``calcscore_model.json`` hold of it."""
        synthetic = {"synthetic": True} if self.synthetic else {}
        return {"name": self.name, "trained_on": self.trained_on, "demo": self.demo, **synthetic, "note": self.note}
