"""Draws the courses of the abdominal aorta and its branches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..anatomy import Territory
from ..images.geometry import Array
from .arteries import AortaShape, ArterialTree, Artery, Thrombus
from .frame import Body, smooth_course
from .tubes import STEP_MM, Tube, smooth_tube

_BONE_GAP_MM = 2.0  # between a branch and the vertebral bodies
_AORTA_GAP_MM = 4.0  # between the superior mesenteric artery and the aorta behind it
_SHAPE_SHARES = ((AortaShape.STRAIGHT, 0.45), (AortaShape.TORTUOUS, 0.3), (AortaShape.ANEURYSMAL, 0.25))
_THROMBUS_SHARE = 0.6  # of the aneurysms
_ACCESSORY_SHARE = 0.22  # of the kidneys
_SPLIT_SHARE = 0.6  # of the common iliac arteries, that divide inside the field of view


def draw_tree(rng: np.random.Generator, body: Body) -> ArterialTree:
    """Draw the arteries of a case.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    body : Body
        Field of view and spine, around which the arteries run.

    Returns
    -------
    ArterialTree
        The aorta, the coeliac trunk with two branches, the superior mesenteric, two to four renal and
        two to four iliac arteries.
    """
    lumen_hu = rng.uniform(250, 500)
    shape, tube, thrombus = _draw_aorta(rng, body)
    branches = _Branches(rng, body, Artery(Territory.AORTA, tube, (lumen_hu, lumen_hu * rng.uniform(0.95, 0.99))))
    renal_heights = {side: rng.uniform(74, 90) + (0 if side > 0 else rng.uniform(-6, 4)) for side in (1, -1)}
    mesenteric_height = max(renal_heights.values()) + rng.uniform(6, 16)
    arteries = [branches.aorta]
    arteries += branches.coeliac(mesenteric_height + rng.uniform(12, 20))
    arteries += branches.superior_mesenteric(mesenteric_height)
    for side, height in renal_heights.items():
        arteries += branches.renal(side, height)
    for side in (1, -1):
        arteries += branches.iliac(side)
    return ArterialTree(shape, float(lumen_hu), tuple(arteries), thrombus)


def _draw_aorta(rng: np.random.Generator, body: Body) -> tuple[AortaShape, Tube, Thrombus | None]:
    """Draw the aorta from above the field of view down to the bifurcation at z = 0."""
    shape = _SHAPE_SHARES[rng.choice(len(_SHAPE_SHARES), p=[share for _, share in _SHAPE_SHARES])][0]
    z = np.linspace(body.high[2] + 12, 0, 60)
    base = np.interp(z, [0, z[0]], rng.uniform([7.0, 8.0], [8.8, 10.8]))
    bulge = np.zeros_like(z)
    if shape is AortaShape.ANEURYSMAL:
        middle, spread = rng.uniform(30, 44), rng.uniform(13, 18)
        bulge = (rng.uniform(15, 25) - base) * np.exp(-(((z - middle) / spread) ** 2))
    sway, wave, turn = rng.uniform(0, 2.5), rng.uniform(90, 140), rng.uniform(0, 2 * np.pi)
    bow = rng.uniform(0, 2)
    if shape is AortaShape.TORTUOUS:
        sway, bow = rng.uniform(8, 14), rng.uniform(3, 9)
    settled = np.clip(z / 40, 0, 1) ** 2 * (3 - 2 * np.clip(z / 40, 0, 1))  # the bifurcation stays on the midline
    spine_x, spine_y = body.spine.centre(z)
    x = spine_x + np.interp(z, [0, z[0]], rng.uniform([2, 5], [8, 12])) + 0.25 * bulge
    x += settled * sway * np.sin(2 * np.pi * z / wave + turn)
    y = spine_y - body.spine.half_depth - rng.uniform(1.5, 4) - base - bulge
    y -= settled * bow * (1 + np.sin(2 * np.pi * z / wave + turn + 1.5))
    tube = smooth_tube(np.stack([x, y, z], axis=1), base + bulge)
    if shape is not AortaShape.ANEURYSMAL or rng.random() > _THROMBUS_SHARE:
        return shape, tube, None
    thickness = rng.uniform(0.5, 0.85) * bulge - 1.0  # negative away from the aneurysm, where there is no thrombus
    shift = np.clip(thickness, 0, None) * rng.uniform(0, 0.8)
    turn = rng.uniform(0, 2 * np.pi)
    lumen = np.stack([x + shift * np.cos(turn), y + shift * np.sin(turn), z], axis=1)
    return shape, tube, Thrombus(smooth_tube(lumen, base + bulge - thickness), float(rng.uniform(50, 90)))


@dataclass(frozen=True, eq=False)
class _Branches:
    """Draws the branches of one aorta, each as a list of arteries."""

    rng: np.random.Generator
    body: Body
    aorta: Artery

    def coeliac(self, height: float) -> list[Artery]:
        """Draw the short trunk forwards, then the hepatic artery to the right and the splenic to the left."""
        rng, (origin, radius, hu) = self.rng, self._origin(height)
        width = rng.uniform(3, 4)
        tip = origin + np.array([rng.uniform(-4, 4), -radius - rng.uniform(14, 21), rng.uniform(-3, 3)])
        trunk = [origin, origin + np.array([0, -radius - 4, rng.uniform(-1, 2)]), tip]
        hepatic = [tip, tip + rng.uniform([-14, -7, -1], [-10, -3, 3]), tip + rng.uniform([-34, -12, 2], [-26, -6, 10])]
        hepatic.append(hepatic[-1] + rng.uniform([-20, -4, 2], [-12, 4, 10]))
        splenic = [tip, tip + rng.uniform([8, -6, -1], [13, -2, 4]), tip + rng.uniform([24, -1, 0], [32, 6, 9])]
        splenic.append(splenic[-1] + rng.uniform([16, 4, -2], [24, 9, 9]))
        small = rng.uniform(2.4, 0.85 * width, 2)
        return [
            self._artery(Territory.MESENTERIC, trunk, [width, width, 0.9 * width], hu),
            self._artery(Territory.MESENTERIC, hepatic, np.linspace(small[0], 2.1, 4), 0.98 * hu),
            self._artery(Territory.MESENTERIC, splenic, np.linspace(small[1], 2.1, 4), 0.98 * hu),
        ]

    def superior_mesenteric(self, height: float) -> list[Artery]:
        """Draw the artery forwards out of the aorta and then down in front of it."""
        rng, (origin, radius, hu) = self.rng, self._origin(height)
        width = rng.uniform(3, 4)
        knee = origin + np.array([rng.uniform(-2, 2), -radius - rng.uniform(9, 14), -rng.uniform(9, 14)])
        drift = rng.uniform(-12, 2)
        course = [
            origin,
            origin + np.array([0, -radius - 3, -2]),
            knee,
            knee + np.array([0.4 * drift, rng.uniform(-5, 2), -22]),
            knee + np.array([drift, rng.uniform(-10, 0), -rng.uniform(42, 60)]),
        ]
        return [self._artery(Territory.MESENTERIC, course, np.linspace(width, 2.3, 5), hu, before_aorta=True)]

    def renal(self, side: int, height: float) -> list[Artery]:
        """Draw the renal artery of one side (1 is left) to the hilum, and sometimes a second, lower one."""
        hilum = self.body.kidney_centre(side) + np.array([-13.0 * side, -5.0, 0.0])
        arteries = [
            self._renal(side, height, hilum + np.array([0, 0, self.rng.uniform(-2, 8)]), self.rng.uniform(2.5, 3.5))
        ]
        if self.rng.random() < _ACCESSORY_SHARE:
            lower = height - self.rng.uniform(14, 26)
            arteries.append(self._renal(side, lower, hilum - np.array([0, 0, self.rng.uniform(8, 14)]), 2.2))
        return arteries

    def _renal(self, side: int, height: float, hilum: Array, width: float) -> Artery:
        rng, (origin, radius, hu) = self.rng, self._origin(height)
        leave = origin + np.array([side * (radius + 5), rng.uniform(-4, 3), -rng.uniform(0, 3)])
        bend = leave + (hilum - leave) * rng.uniform(0.45, 0.6) + np.array([0, rng.uniform(-6, 0), rng.uniform(-4, 5)])
        return self._artery(Territory.RENAL, [origin, leave, bend, hilum], np.linspace(width, 2.1, 4), hu)

    def iliac(self, side: int) -> list[Artery]:
        """Draw the common iliac artery of one side on into the external, and sometimes the internal one."""
        rng, (end, radius, hu) = self.rng, self._origin(0.0)
        width = min(rng.uniform(4, 6), 0.68 * radius)
        down = np.linspace(3, self.body.low[2] - 8, 13)
        fallen = np.clip(-down, 0, None)
        fork = rng.uniform(24, 34) if rng.random() < _SPLIT_SHARE else np.inf
        past_fork = np.clip(fallen - fork, 0, None)
        angle = np.radians(rng.uniform(12, 32))
        swing = rng.uniform(0, 5) * np.sin(2 * np.pi * fallen / rng.uniform(45, 75)) * np.clip(fallen / 25, 0, 1)
        x = end[0] + side * (0.38 * radius + np.tan(angle) * fallen + swing + 0.25 * past_fork)
        y = end[1] + rng.uniform(0.1, 0.4) * fallen + rng.uniform(-3, 3) * np.sin(fallen / 12) - 0.6 * past_fork
        radii = np.linspace(width, 0.8 * width, len(down))
        common = self._artery(Territory.ILIAC, np.stack([x, y, down], axis=1), radii, hu)
        if np.isinf(fork):
            return [common]
        start = common.tube.points[np.abs(common.tube.points[:, 2] + fork).argmin()]
        inner = [
            start,
            start + np.array([2.0 * side, 6, -9]),
            start + np.array([rng.uniform(-1, 5) * side, 16, self.body.low[2] - 6 - start[2]]),
        ]
        internal = self._artery(Territory.ILIAC, inner, [0.75 * width, 0.65 * width, 0.6 * width], 0.97 * hu)
        return [common, internal]

    def _origin(self, height: float) -> tuple[Array, float, float]:
        """Give the aorta's axis point (mm), radius (mm) and lumen intensity (HU) at a height."""
        tube = self.aorta.tube
        n = int(np.abs(tube.points[:, 2] - height).argmin())
        hu = np.interp(n * STEP_MM, [0, tube.length], self.aorta.hu)
        return tube.points[n], float(tube.radii[n]), float(hu)

    def _artery(
        self,
        territory: Territory,
        control: npt.ArrayLike,
        radii: npt.ArrayLike,
        hu: float,
        before_aorta: bool = False,
    ) -> Artery:
        """Lay an artery through control points, clear of the spine and, where asked, of the aorta behind it."""
        first = smooth_tube(control, radii)
        every = round(2.0 / STEP_MM)
        points, widths = first.points[::every], first.radii[::every]
        moved = self.body.spine.keep_clear(points, widths + _BONE_GAP_MM)
        if before_aorta:
            moved = self._keep_before_aorta(moved, widths)
        tube = smooth_tube(smooth_course(moved, 2.0), widths)
        return Artery(territory, tube, (hu * self.rng.uniform(0.97, 1.0), hu * self.rng.uniform(0.9, 0.96)))

    def _keep_before_aorta(self, points: Array, widths: Array) -> Array:
        """Push the part of a centreline that runs down before the aorta away from its wall."""
        left = np.clip((points[0, 2] - points[:, 2] - 6) / 10, 0, 1)  # the origin itself stays in the aorta
        wanted = np.where(left > 0, left * (widths + _AORTA_GAP_MM), -np.inf)
        moved: Array = points.copy()
        for _ in range(10):  # the wall of an aneurysm is oblique, so one push forwards is not enough
            location = self.aorta.tube.locate(moved, float(widths.max()) + _AORTA_GAP_MM)
            moved[location.which, 1] -= np.clip(location.depth + wanted[location.which], 0, None)
        return moved
