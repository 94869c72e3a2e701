"""How starter ensembles are trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...models import Role
from ..recipe import plain, with_tuples

CLIP_HU = (-250.0, 750.0)
"""Intensities that the networks tell apart; nnU-Net's CTNormalization clips at these."""

SCALE_HU = 180.0
"""Divisor of nnU-Net's CTNormalization. Its zero is the lower clip, so that what nnU-Net and the convolutions pad with
means air."""

EPOCH = 10
"""Iterations an epoch: the unit in which progress is told."""


@dataclass(frozen=True)
class StarterNetwork:
    """A network and how long it learns.

    Attributes
    ----------
    spacing_mm : float
        Voxel size of what it sees, the same along all axes, mm.
    patch_size : tuple of int
        Voxels it sees at once along (z, y, x): multiples of 2 to the number of stages less one.
    features : tuple of int
        Feature maps of each stage, the finest first.
    convolutions : tuple of int
        Convolutions of each stage of the encoder; the decoder has one a stage.
    label_weights : tuple of float
        Weight in the overlap of labels 1, 2, …; further labels have the last one.
    cross_entropy_weights : tuple of float
        Weight in the cross entropy of background, label 1, 2, …; further labels have the last one.
    trunk_epochs : int
        Epochs of the trunk that all folds start from; 0: each fold starts from random weights of its own.
    fold_epochs : int
        Epochs of each fold.
    trunk_patch_size : tuple of int, optional
        Voxels that the trunk sees at once, where that is less.
    uses : int
        How often each patch is learned from: making one costs as much as learning from it.
    batch_size : int
        Patches an iteration.
    rates : tuple of float
        Learning rate at the start and end of the trunk; a fold goes from the second, or from the first where there is
        no trunk, to zero.
    """

    spacing_mm: float
    patch_size: tuple[int, int, int]
    features: tuple[int, ...]
    convolutions: tuple[int, ...]
    label_weights: tuple[float, ...]
    cross_entropy_weights: tuple[float, ...]
    trunk_epochs: int
    fold_epochs: int
    trunk_patch_size: tuple[int, int, int] | None = None
    uses: int = 1
    batch_size: int = 1
    rates: tuple[float, float] = (1.5e-3, 7e-4)


@dataclass(frozen=True)
class StarterRecipe:
    """How both ensembles are trained.

    Attributes
    ----------
    preset : str
        Its name.
    networks : mapping of Role to StarterNetwork
        The networks.
    seed : int
        Of everything that is random: bodies, patches and first weights.
    """

    preset: str
    networks: Mapping[Role, StarterNetwork]
    seed: int = 1

    @property
    def plans_name(self) -> str:
        """Name of nnU-Net's plans."""
        return "CalcScoreStarterPlans"

    def to_dict(self) -> dict[str, Any]:
        """Give the recipe in what JSON can hold."""
        return plain(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> StarterRecipe:
        """Read what `to_dict` gave."""
        networks = {Role(role): StarterNetwork(**with_tuples(net)) for role, net in content["networks"].items()}
        return cls(**{**content, "networks": networks})


_TERRITORY_WEIGHTS: dict[str, Any] = {
    # Background of the overlap is not counted. Arteries count in full, veins by half, organs and bone help a little.
    "label_weights": (1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.15),
    # All alike: a weight of 2 on arteries drew their edge outwards (CTLiver's aorta: Dice 0.83, without it 0.86).
    "cross_entropy_weights": (1.0,),
}
_CALCIFICATION_WEIGHTS: dict[str, Any] = {"label_weights": (1.0, 1.0), "cross_entropy_weights": (1.0, 2.0, 12.0)}

STARTER = StarterRecipe(
    "starter",
    {
        Role.TERRITORIES: StarterNetwork(
            2.0,
            (96, 96, 96),
            (16, 32, 64, 96, 128),
            (1, 2, 2, 2, 2),
            **_TERRITORY_WEIGHTS,
            trunk_patch_size=(80, 80, 80),
            trunk_epochs=950,
            fold_epochs=4,
            rates=(1.5e-3, 1.5e-4),
        ),
        Role.CALCIFICATION: StarterNetwork(
            1.0,
            (64, 64, 64),
            (12, 24, 48, 64),
            (1, 2, 2, 2),
            **_CALCIFICATION_WEIGHTS,
            uses=2,
            trunk_epochs=350,
            fold_epochs=20,
            rates=(2e-3, 2e-3),
        ),
    },
)
"""For a CPU: networks of two million weights and fewer, folds forked from one trunk."""

FULL_SIZE = StarterRecipe(
    "starter",
    {
        Role.TERRITORIES: StarterNetwork(
            1.5,
            (128, 128, 128),
            (32, 64, 128, 256, 320, 320),
            (2, 2, 2, 2, 2, 2),
            **_TERRITORY_WEIGHTS,
            trunk_epochs=200,
            fold_epochs=50,
            batch_size=2,
            rates=(1e-3, 5e-4),
        ),
        Role.CALCIFICATION: StarterNetwork(
            0.8,
            (96, 96, 96),
            (32, 64, 128, 256),
            (2, 2, 2, 2),
            **_CALCIFICATION_WEIGHTS,
            trunk_epochs=200,
            fold_epochs=50,
            batch_size=2,
            rates=(1e-3, 5e-4),
        ),
    },
)
"""For a GPU: networks of nnU-Net's usual size."""
