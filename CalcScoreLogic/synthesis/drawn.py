"""A small anatomy of plain solids, for tests and for a first look without anybody's labels."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..images.geometry import Array
from .anatomy_file import FIELD_MM, Anatomy, complete_anatomy
from .tissues import Tissue

_SIZE_MM = np.array([300.0, 200.0, 280.0])  # from the sacrum to the lower chest
_SPINE_Y, _SPINE_Z = 150.0, 70.0  # middle of the vertebral bodies; below this height they are the sacrum
_FORK_Z = 90.0  # of the aorta

_ORGANS = (
    (Tissue.LIVER, (90, 80, 225), (62, 58, 52)),
    (Tissue.SPLEEN, (232, 130, 225), (26, 38, 40)),
    (Tissue.STOMACH_WALL, (200, 70, 220), (42, 36, 38)),
    (Tissue.PANCREAS, (170, 95, 195), (50, 9, 11)),
    (Tissue.GALLBLADDER, (105, 62, 180), (12, 12, 18)),
    (Tissue.KIDNEY_CORTEX, (88, 138, 170), (25, 23, 52)),
    (Tissue.KIDNEY_CORTEX, (212, 138, 178), (25, 23, 52)),
    (Tissue.BOWEL_WALL, (68, 90, 120), (22, 24, 60)),
    (Tissue.BOWEL_WALL, (234, 92, 125), (20, 22, 62)),
    (Tissue.BOWEL_WALL, (150, 55, 150), (75, 22, 20)),
    (Tissue.BOWEL_WALL, (125, 60, 95), (40, 24, 26)),
    (Tissue.BOWEL_WALL, (180, 62, 80), (42, 26, 26)),
    (Tissue.MUSCLE, (108, 150, 100), (19, 19, 85)),
    (Tissue.MUSCLE, (192, 150, 100), (19, 19, 85)),
    (Tissue.BONE_MARROW, (55, 135, 40), (22, 34, 50)),
    (Tissue.BONE_MARROW, (245, 135, 40), (22, 34, 50)),
)  # tissue, middle and semi-axes (x, y, z), mm


@cache
def drawn_anatomy() -> Anatomy:
    """Draw the anatomy: a trunk of ellipsoids from the sacrum to the lower chest, completed like any other.

    Returns
    -------
    Anatomy
        The same one each time.
    """
    z, y, x = np.ogrid[tuple(slice(0, round(n / FIELD_MM)) for n in _SIZE_MM[[2, 1, 0]])]
    z, y, x = z * FIELD_MM, y * FIELD_MM, x * FIELD_MM
    tissues = np.zeros(np.broadcast_shapes(z.shape, y.shape, x.shape), np.uint8)
    wall = ((x - 150) / 142) ** 2 + ((y - 105) / 92) ** 2 + 0 * z
    tissues[(wall < 1) & (wall > 0.82)] = Tissue.MUSCLE
    for tissue, middle, axes in _ORGANS:
        inside = sum(((c - m) / a) ** 2 for c, m, a in zip((x, y, z), middle, axes, strict=True)) < 1
        tissues[inside] = tissue
    _draw_bones(tissues, x, y, z, wall)
    cava = (x - 130) ** 2 + (y - 118) ** 2 < 100
    tissues[cava & (z > _FORK_Z - 8)] = Tissue.LOWER_VEIN
    arteries = {"aorta": ((x - 156) ** 2 + (y - 116) ** 2 < 90) & (z >= _FORK_Z)}
    for side, sign in (("left", 1), ("right", -1)):
        fallen = np.clip(_FORK_Z - z, 0, None)
        common = (x - 156 - sign * (6 + 0.55 * fallen)) ** 2 + (y - 116 - 0.25 * fallen) ** 2 < 30
        arteries[f"common_iliac_{side}"] = common & (z < _FORK_Z) & (z > 45)
        arteries[f"external_iliac_{side}"] = common & (z <= 45)
        vein = (x - 150 - sign * (4 + 0.5 * fallen)) ** 2 + (y - 128 - 0.2 * fallen) ** 2 < 36
        tissues[vein & (z < _FORK_Z - 8)] = Tissue.LOWER_VEIN
    portal = (x - 128) ** 2 + (y - 92) ** 2 < 49
    tissues[portal & (z > 150) & (z < 215)] = Tissue.PORTAL_VEIN
    return complete_anatomy("drawn", tissues, arteries)


def _draw_bones(tissues: Array, x: Array, y: Array, z: Array, wall: Array) -> None:
    """Draw spine, sacrum and ribs."""
    body = ((x - 150) / 24) ** 2 + ((y - _SPINE_Y) / 18) ** 2 < 1
    arch = ((x - 150) ** 2 + (y - _SPINE_Y - 26) ** 2 < 190) & ((x - 150) ** 2 + (y - _SPINE_Y - 26) ** 2 > 64)
    sacrum = (((x - 150) / 44) ** 2 + ((y - _SPINE_Y - 10) / 20) ** 2 < 1) & (z < _SPINE_Z)
    gap = (z % 36 < 8) & (z > _SPINE_Z)
    tissues[(body | arch) & ~gap | sacrum] = Tissue.VERTEBRA_MARROW
    tissues[body & gap] = Tissue.DISC
    slope = (z - 0.5 * (y - 105)) % 30 < 9
    tissues[(wall < 0.97) & (wall > 0.88) & slope & (z > 190)] = Tissue.BONE_MARROW
