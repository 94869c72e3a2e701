"""How much an ensemble learns on."""

from __future__ import annotations

from ..recipe import Recipe

FIRST_RATE = 1e-3
"""A tenth of nnU-Net's own: what the networks know is to be changed and not lost."""

EPOCHS = 50
"""Of nnU-Net's 250 iterations each; a twentieth of a training from random weights."""


def fine_tuning(epochs: int | None = None) -> Recipe:
    """Give the recipe.

    Parameters
    ----------
    epochs : int, optional
        Epochs of every fold; `EPOCHS` by default.

    Returns
    -------
    Recipe
        nnU-Net's trainer and augmentation.
    """
    return Recipe("finetune", epochs=EPOCHS if epochs is None else epochs)
