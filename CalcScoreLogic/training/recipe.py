"""What is trained and how: the paper's settings, and a cheap recipe for a CPU."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import InputError
from ..models import Role
from ..models.plans import CONFIGURATION as CONFIGURATION

FOLDS = 5
"""Members of an ensemble (paper, "Neural-network models")."""

DATASET_IDS = {Role.TERRITORIES: 701, Role.CALCIFICATION: 702}
"""Numbers of nnU-Net's data sets."""


def dataset_name(role: Role) -> str:
    """Name nnU-Net's data set of an ensemble."""
    return f"Dataset{DATASET_IDS[role]}_CalcScore{role.value.capitalize()}"


def plain(recipe: Any) -> dict[str, Any]:
    """Give a dataclass in what JSON can hold, equal to what is read back: JSON has no tuples."""
    content: dict[str, Any] = json.loads(json.dumps(asdict(recipe)))
    return content


def with_tuples(content: Mapping[str, Any]) -> dict[str, Any]:
    """Give the values of a dataclass from what `plain` gave: its sequences are tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}


@dataclass(frozen=True)
class SmallNetwork:
    """A U-Net that a CPU trains in minutes, with one convolution a stage.

    Attributes
    ----------
    spacing_mm : float
        Voxel size of what it sees, the same along all axes, mm.
    patch_size : tuple of int
        Voxels it sees at once along (z, y, x): multiples of 2 to the number of stages less one.
    batch_size : int
        Patches an iteration.
    features : tuple of int
        Feature maps of each stage, the finest first.
    keeps_bright : bool
        Clip intensities at the brightest labelled voxel, not at nnU-Net's 99.5th percentile, which lies below most
        plaques.
    label_weights : tuple of float or None
        Weights of background and labels in the cross entropy of a fold that starts from random weights, until
        `trainer.WEIGHTED_SHARE` of its epochs are done. A label that few voxels carry is never found without them.
    epochs : int
        Epochs of fold 0, which starts from random weights.
    warm_epochs : int
        Epochs of folds 1 to 4, which start from the weights of fold 0.
    iterations : int
        Iterations an epoch.
    """

    spacing_mm: float
    patch_size: tuple[int, ...]
    batch_size: int = 1
    features: tuple[int, ...] = (8, 16, 24, 32, 32)
    keeps_bright: bool = False
    label_weights: tuple[float, ...] | None = None
    epochs: int = 20
    warm_epochs: int = 6
    iterations: int = 40


@dataclass(frozen=True)
class Recipe:
    """How both ensembles are trained.

    Attributes
    ----------
    preset : str
        Its name.
    epochs : int or None
        Epochs of every fold; None: the networks' own.
    iterations : int or None
        Iterations an epoch; None: the networks' own, or nnU-Net's 250.
    networks : mapping of Role to SmallNetwork or None
        The networks; None: as nnU-Net plans them, or those of the ensembles that learn on, and no fold starts from
        another.

    Raises
    ------
    InputError
        Epochs or iterations below 1.
    """

    preset: str
    epochs: int | None = None
    iterations: int | None = None
    networks: Mapping[Role, SmallNetwork] | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "iterations"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{value} {name} are too few, give 1 or more")

    @property
    def plans_name(self) -> str:
        """Name of nnU-Net's plans file."""
        return "nnUNetPlans" if self.networks is None else "CalcScoreDemoPlans"

    def is_warm(self, fold: int) -> bool:
        """Say whether a fold starts from the weights of fold 0."""
        return fold > 0 and self.networks is not None

    def epochs_of(self, role: Role, fold: int) -> int | None:
        """Give the number of epochs of a fold; None: nnU-Net's."""
        if self.epochs is not None or self.networks is None:
            return self.epochs
        network = self.networks[role]
        return network.warm_epochs if self.is_warm(fold) else network.epochs

    def iterations_of(self, role: Role) -> int | None:
        """Give the number of iterations an epoch; None: nnU-Net's."""
        if self.iterations is not None or self.networks is None:
            return self.iterations
        return self.networks[role].iterations

    def to_dict(self) -> dict[str, Any]:
        """Give the recipe in what JSON can hold."""
        return plain(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Recipe:
        """Read what `to_dict` gave."""
        networks: Any = content["networks"] and {
            Role(role): SmallNetwork(**with_tuples(network)) for role, network in content["networks"].items()
        }
        return cls(**{**content, "networks": networks})


PAPER = Recipe("paper", epochs=1000)
"""The paper's: nnU-Net's default plans, trainer and augmentation, 1000 epochs."""

DEMO = Recipe(
    "demo",
    networks={
        Role.TERRITORIES: SmallNetwork(2.0, (64, 112, 144), epochs=45, warm_epochs=34),
        Role.CALCIFICATION: SmallNetwork(
            1.5,
            (48, 48, 48),
            batch_size=4,
            keeps_bright=True,
            label_weights=(1.0, 2.0, 20.0),
            epochs=150,
            warm_epochs=30,
            iterations=60,
        ),
    },
)
"""Two small ensembles for a CPU: mirroring is the only augmentation, folds 1 to 4 start from fold 0."""

PRESETS = {recipe.preset: recipe for recipe in (PAPER, DEMO)}
"""Recipes by name."""
