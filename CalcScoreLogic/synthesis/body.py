"""One drawn body: a label field, its arteries and their plaques."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..images.geometry import Array
from .anatomy_file import FIELD_MM, Anatomy
from .beside import draw_beside_arteries
from .plaques import Plaque, draw_plaques
from .soft_parts import draw_soft_parts
from .vessels import Tree, draw_tree


@dataclass(frozen=True, eq=False)
class Body:
    """A body in the frame of its anatomy.

    Attributes
    ----------
    anatomy : Anatomy
        Whom it was drawn from.
    field : ndarray of uint8, shape (k, j, i)
        Values of `Tissue` every `FIELD_MM`.
    tree : Tree
        The arteries.
    plaques : tuple of tuple of Plaque
        Those of each artery.
    """

    anatomy: Anatomy
    field: Array
    tree: Tree
    plaques: tuple[tuple[Plaque, ...], ...]

    @property
    def size_mm(self) -> Array:
        """Extent of the field along x, y and z, mm."""
        return np.array(self.field.shape[::-1]) * FIELD_MM


def draw_body(rng: np.random.Generator, anatomy: Anatomy, calcified: bool = False) -> Body:
    """Draw a body from an anatomy.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    anatomy : Anatomy
        The labelled patient.
    calcified : bool
        Draw plaques in any case.

    Returns
    -------
    Body
        Another one each time.
    """
    tree = draw_tree(rng, anatomy)
    field = draw_soft_parts(rng, anatomy)
    draw_beside_arteries(rng, anatomy, tree, field)
    return Body(anatomy, field, tree, draw_plaques(rng, tree, calcified))
