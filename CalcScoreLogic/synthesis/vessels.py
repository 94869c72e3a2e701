"""Draws the arterial tree of a body: courses, calibres, walls, narrowings, aneurysms and dissections."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from ..anatomy import Territory
from ..images.geometry import Array
from .anatomy_file import FIELD_MM, Anatomy
from .centrelines import resample
from .courses import Branching, sway
from .fields import among, smooth_noise
from .landmarks import SIDES
from .tissues import CLASSES, HARD, Tissue
from .tubes import STEP_MM, Vessel

OTHER = CLASSES["territories"].index("other artery")
"""Value of an artery of none of the four territories."""

_STENT_SHARE = 0.06
_DIVIDED_SHARE = 0.6  # of the renal arteries, before the hilum
_OWN_COURSE_SHARE = 0.35  # of the branches whose course the anatomy shows, that follow it
_FLAP_MM = 0.8  # half thickness of a dissection's flap
_OTHER_FORK_SHARE, _FORK_MM = 0.8, (-22.0, 35.0)  # bodies whose fork is not where the anatomy's is; how much higher
_NARROW_FORK_SHARE = 0.85  # most iliac arteries leave the fork at 8 to 30 degrees from the midline
_ON_SPINE_SHARE = 0.6
_SPINE = among(Tissue.VERTEBRA_CORTEX, Tissue.VERTEBRA_MARROW, Tissue.DISC)
_MOST_LEAN, _LEANS_MM = 0.4, 30.0  # of the midline between the iliac arteries, and how far below the fork
_APART_MM = 8.0  # below the fork, where iliac arteries lie side by side in any body
_LOOK_BEHIND, _MOST_ROOM_MM = 20, 12.0
_TAPER = ((0, 120, 260, 400, 480, 560), (0.95, 1.05, 1.25, 1.4, 1.65, 1.75))
# Of the aorta: height above its fork in mm, and calibre there as a share of the lower abdominal one.
_MESENTERIC_START_MM = 22.0  # of hepatic, splenic and left gastric artery, counted with the coeliac trunk


@dataclass(frozen=True, eq=False)
class Tree:
    """The arteries of a body; the aorta first."""

    vessels: tuple[Vessel, ...]

    @property
    def aorta(self) -> Vessel:
        """The aorta."""
        return self.vessels[0]


def draw_tree(rng: np.random.Generator, anatomy: Anatomy) -> Tree:
    """Draw the arteries of a body.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    anatomy : Anatomy
        Whose aorta and iliac arteries they follow.

    Returns
    -------
    Tree
        In the frame of the anatomy.
    """
    aorta, landmarks = _draw_aorta(rng, anatomy), anatomy.landmarks
    tree = _Grower(rng, anatomy, aorta, Branching(rng, aorta.points, aorta.outer, landmarks))
    vessels = [aorta]
    lean = rng.uniform(-_MOST_LEAN, _MOST_LEAN)
    for side in SIDES:
        vessels += tree.iliacs(side, lean)
    kidneys = float(np.mean([hilum[2] for hilum in landmarks.kidneys.values()]))
    renal = {side: kidneys + rng.uniform(-8, 22) for side in SIDES}
    mesenteric = max(renal.values()) + rng.uniform(3, 20)
    vessels += tree.coeliac(mesenteric + rng.uniform(9, 24))
    vessels.append(tree.branch("superior_mesenteric", Territory.MESENTERIC, mesenteric, rng.uniform(3.2, 4.6)))
    for side, height in renal.items():
        vessels += tree.renals(side, height)
    vessels += tree.small(min(renal.values()))
    if rng.random() < _STENT_SHARE:
        vessels = _stent(rng, vessels)
    return Tree(tuple(vessels))


def _stent(rng: np.random.Generator, vessels: list[Vessel]) -> list[Vessel]:
    """Lay stents: a stent graft of aorta and iliac arteries, or one stent of a branch."""
    fitting = [n for n, v in enumerate(vessels) if v.label != OTHER and n > 0]
    if rng.random() < 0.4:
        fork = vessels[0].length
        vessels[0] = replace(vessels[0], stent_mm=(fork - rng.uniform(60, 160), fork))
        chosen = [n for n in fitting if vessels[n].name.startswith("iliac")]
        starts = dict.fromkeys(chosen, 0.0)
    else:
        chosen = [int(rng.choice(fitting))]
        starts = {n: rng.uniform(8, max(9.0, 0.5 * vessels[n].length)) for n in chosen}
    for n in chosen:
        vessels[n] = replace(vessels[n], stent_mm=(starts[n], starts[n] + rng.uniform(12, 60)))
    return vessels


def _vessel(
    rng: np.random.Generator, name: str, label: int, course: Array, outer: Array, wall_mm: float, **more: object
) -> Vessel:
    """Make a healthy artery, then perhaps narrow it."""
    points = resample(course, STEP_MM)
    n = len(points)
    radii = np.interp(np.linspace(0, 1, n), np.linspace(0, 1, len(outer)), outer)
    radii = radii * np.exp(np.clip(0.05 * smooth_noise(rng, n, 8 / STEP_MM, 1)[:, 0], -0.15, 0.15))
    lumen = radii - np.minimum(wall_mm, 0.3 * radii)
    shift = np.zeros((n, 2))
    vessel = Vessel(name, int(label), points, radii, lumen, shift, **more)  # type: ignore[arg-type]
    for _ in range(rng.poisson(0.12 + 0.0015 * vessel.length)):
        vessel = _narrow(rng, vessel)
    return vessel


def _narrow(rng: np.random.Generator, vessel: Vessel) -> Vessel:
    """Put a soft plaque into a wall: the lumen narrows and moves away from it."""
    n = len(vessel.points)
    middle, width = rng.uniform(0, n), rng.uniform(2, 12) / STEP_MM
    share = rng.uniform(0.1, 0.7) if rng.random() < 0.95 else 1.0
    shape = np.exp(-(((np.arange(n) - middle) / width) ** 4)) * share
    lost = vessel.lumen * shape
    turn = rng.uniform(0, 2 * np.pi)
    away = 0.5 * rng.uniform(0.3, 1.0) * lost[:, None] * [np.cos(turn), np.sin(turn)]
    return replace(vessel, lumen=vessel.lumen - lost, shift=vessel.shift + away)


def _draw_aorta(rng: np.random.Generator, anatomy: Anatomy) -> Vessel:
    """Draw the aorta along the anatomy's, of any calibre from 12 to 45 mm."""
    course = anatomy.arteries["aorta"]
    if rng.random() < _OTHER_FORK_SHARE:
        course = _moved_fork(anatomy, rng.uniform(*_FORK_MM))
    course = resample(course, STEP_MM)
    n = len(course)
    kind = rng.choice(["usual", "slim", "wide", "aneurysm"], p=[0.66, 0.14, 0.1, 0.1])
    radius = {"usual": (7.0, 10.5), "slim": (5.6, 7.2), "wide": (10.5, 14.0), "aneurysm": (8.0, 11.0)}[kind]
    above_fork_mm = np.arange(n)[::-1] * STEP_MM
    base = np.minimum(rng.uniform(*radius) * np.interp(above_fork_mm, *_TAPER), 22)
    outer = base * np.exp(np.clip(0.035 * smooth_noise(rng, n, 20 / STEP_MM, 1)[:, 0], -0.1, 0.1))
    wall = rng.uniform(0.7, 1.5) if rng.random() < 0.93 else rng.uniform(1.5, 3)
    thrombus = np.zeros(n)
    if kind == "aneurysm":
        middle, width = n - rng.uniform(15, 160) / STEP_MM, rng.uniform(14, 40) / STEP_MM
        bulge = (rng.uniform(14, 22.5) - outer) * np.exp(-(((np.arange(n) - middle) / width) ** 2))
        outer = outer + np.clip(bulge, 0, None)
        if rng.random() < 0.65:
            thrombus = np.clip(bulge * rng.uniform(0.3, 0.95) - 1, 0, None)
    amplitude = rng.uniform(0, 3) if rng.random() < 0.75 else rng.uniform(3, 9)
    still = np.clip(above_fork_mm / 35, 0.25, 1)[:, None]
    noise = smooth_noise(rng, n, rng.uniform(18, 40) / STEP_MM) * [1, 0.6, 0.2] * amplitude * still
    noise[:, 1] = np.minimum(noise[:, 1], 1.5)  # not into the spine
    course = course + noise
    course[:, 1] -= np.clip(outer - 9, 0, None) * 0.9
    if rng.random() < _ON_SPINE_SHARE:
        course[:, 1] += rng.uniform(0.5, 1) * _room_behind(anatomy, course, outer)
    lumen = outer - wall - thrombus
    turn = rng.uniform(0, 2 * np.pi)
    shift = (thrombus * rng.uniform(0, 0.9))[:, None] * [np.cos(turn), np.sin(turn)]
    vessel = Vessel("aorta", int(Territory.AORTA), course, outer, lumen, shift)
    if kind != "aneurysm":
        for _ in range(rng.poisson(0.14)):
            vessel = _mural(rng, vessel)
        if rng.random() < 0.15:
            vessel = _dissect(rng, vessel)
    return vessel


def _moved_fork(anatomy: Anatomy, up_mm: float) -> Array:
    """Give the aorta's course (m, 3) to a fork that lies higher, or lower: between the common iliac arteries."""
    course = anatomy.arteries["aorta"]
    level = course[-1, 2] + up_mm
    if up_mm > 0:
        return course[: np.flatnonzero(course[:, 2] >= level)[-1] + 1]
    heights = np.arange(course[-1, 2] - 1, level, -1.0)
    sides = [anatomy.arteries[f"common_iliac_{side}"][::-1] for side in SIDES]
    middle = [np.mean([np.interp(heights, a[:, 2], a[:, axis]) for a in sides], axis=0) for axis in (0, 1)]
    return np.vstack([course, np.column_stack([*middle, heights])])


def _room_behind(anatomy: Anatomy, course: Array, outer: Array) -> Array:
    """Measure the gap between an aorta's wall and the spine, mm: a slim aorta lies on it as a wide one does."""
    bone = _SPINE[_tissues_beside(anatomy, course, np.arange(_LOOK_BEHIND))]
    gap = np.where(bone.any(axis=1), bone.argmax(axis=1) * FIELD_MM - outer, 0.0)
    return np.asarray(ndimage.gaussian_filter1d(np.clip(gap - 1, 0, _MOST_ROOM_MM), 15 / STEP_MM))


def _tissues_beside(anatomy: Anatomy, course: Array, behind: Array) -> Array:
    """Look up tissues (n, m) some voxels (m,) behind the points of a course (n, 3); before it where negative."""
    tissues = anatomy.tissues
    k, j, i = (np.clip(np.rint(course[:, a] / FIELD_MM), 0, tissues.shape[2 - a] - 1).astype(int) for a in (2, 1, 0))
    rows = np.clip(j[:, None] + behind, 0, tissues.shape[1] - 1)
    return np.asarray(tissues[k[:, None], rows, i[:, None]])


def _before_bone(anatomy: Anatomy, course: Array, radius_mm: float) -> Array:
    """Move a course (n, 3) forwards where it would run through bone."""
    bone = HARD[_tissues_beside(anatomy, course, 1 - np.arange(_LOOK_BEHIND))]  # from just behind the course
    last = bone.shape[1] - bone[:, ::-1].argmax(axis=1)
    away = np.where(bone[:, :3].any(axis=1), last * FIELD_MM - FIELD_MM + radius_mm, 0.0)
    return course - np.outer(ndimage.gaussian_filter1d(away, 4 / STEP_MM), [0, 1, 0])


def _mural(rng: np.random.Generator, vessel: Vessel) -> Vessel:
    """Put soft plaque of 1 to 5 mm on one side of the aorta's wall."""
    n = len(vessel.points)
    middle, width = rng.uniform(0.3, 1) * n, rng.uniform(5, 30) / STEP_MM
    lost = rng.uniform(0.5, 2.4) * np.exp(-(((np.arange(n) - middle) / width) ** 4))
    lost = np.minimum(lost, 0.5 * vessel.lumen)
    turn = rng.uniform(0, 2 * np.pi)
    return replace(vessel, lumen=vessel.lumen - lost, shift=vessel.shift + lost[:, None] * [np.cos(turn), np.sin(turn)])


def _dissect(rng: np.random.Generator, vessel: Vessel) -> Vessel:
    """Tear the aorta: a flap winds down it, and it is wider there."""
    n = len(vessel.points)
    start = int(rng.uniform(0, 0.5) * n) if rng.random() < 0.5 else 0
    stop = n if rng.random() < 0.5 else int(rng.uniform(0.6, 1) * n)
    arcs = np.arange(start, stop)
    torn = np.zeros(n)
    torn[arcs] = rng.uniform(0, 0.45)
    wider = np.minimum(1 + ndimage.gaussian_filter1d(torn, 15 / STEP_MM), 22 / vessel.outer.clip(None, 22))
    outer = vessel.outer * wider
    flap = np.full((n, 3), np.nan)
    flap[arcs, 0] = rng.uniform(0, 2 * np.pi) + rng.normal(0, 1.2) * (arcs - start) * STEP_MM / 100
    flap[arcs, 1] = rng.uniform(-0.4, 0.4) * outer[arcs]
    flap[arcs, 2] = _FLAP_MM
    if rng.random() < 0.55:  # clot on it
        clot = rng.uniform(1, 6) * np.clip(smooth_noise(rng, len(arcs), 30 / STEP_MM, 1)[:, 0] + 0.5, 0, 1)
        flap[arcs, 2] = np.minimum(_FLAP_MM + clot, 0.45 * outer[arcs])
    return replace(vessel, outer=outer, lumen=vessel.lumen + outer - vessel.outer, flap=flap)


@dataclass(frozen=True, eq=False)
class _Grower:
    """Grows branches on an aorta."""

    rng: np.random.Generator
    anatomy: Anatomy
    aorta: Vessel
    branching: Branching

    def iliacs(self, side: str, lean: float) -> list[Vessel]:
        """Draw common and external iliac artery as one tube, and the internal one; the fork leans to the left."""
        rng, sign, known = self.rng, SIDES[side], self.anatomy.arteries
        end, radius = self.aorta.points[-1], float(self.aorta.outer[-1])
        common = known[f"common_iliac_{side}"]
        parts = [np.array([end + np.array([0, 0, 4.0]), end + np.array([sign * 0.45 * radius, 0, -3.0])])]
        parts.append(common[common[:, 2] < end[2] - 8])
        parts.append(known.get(f"external_iliac_{side}", np.empty((0, 3))))
        course = resample(np.vstack(parts), STEP_MM)
        raised = end[2] - known["aorta"][-1, 2]
        if raised > 0 or rng.random() < _NARROW_FORK_SHARE:
            slope = np.tan(np.radians(rng.uniform(8, 30)))
            course = _at_narrow_angle(course, end, sign * 0.45 * radius, slope, raised, lean)
        course = _smooth(course, 6.0)
        wide = rng.uniform(0, 3) if rng.random() < 0.7 else rng.uniform(3, 8)
        course = sway(rng, course, wide, rng.uniform(40, 90), 25)
        fork = int(np.abs(course - common[-1]).sum(axis=1).argmin())
        first = min(rng.uniform(3.8, 6.0), 0.72 * radius)
        second = first * rng.uniform(0.66, 0.95)
        outer = np.where(np.arange(len(course)) < fork, first, second)
        outer = _smooth(outer[:, None], 8.0)[:, 0]
        if rng.random() < 0.08:
            middle, width = rng.uniform(0.2, 1) * fork, rng.uniform(8, 16) / STEP_MM
            outer = outer + rng.uniform(2, 9) * np.exp(-(((np.arange(len(outer)) - middle) / width) ** 2))
        wall = rng.uniform(0.5, 1.2)
        made = [_vessel(rng, f"iliac_{side}", Territory.ILIAC, course, outer, wall)]
        start = course[fork]
        own = known.get(f"internal_iliac_{side}")
        inner = [start, start + rng.uniform([-2, 4, -14], [3, 12, -7])]
        inner.append(inner[1] + np.array([sign * rng.uniform(-4, 5), rng.uniform(8, 20), -rng.uniform(14, 26)]))
        inner.append(inner[2] + np.array([sign * rng.uniform(-4, 8), rng.uniform(-4, 12), -rng.uniform(15, 35)]))
        bent = np.vstack([start, own + (start - own[0]) * 0.5]) if own is not None and rng.random() < 0.5 else inner
        course = sway(
            rng, resample(_smooth(resample(np.asarray(bent), STEP_MM), 4.0), STEP_MM), rng.uniform(0, 2.5), 40, 10
        )
        width = second * rng.uniform(0.6, 0.9)
        made.append(
            _vessel(rng, f"internal_iliac_{side}", Territory.ILIAC, course, np.array([width, 0.75 * width]), 0.6 * wall)
        )
        return made

    def coeliac(self, z: float) -> list[Vessel]:
        """Draw the trunk and its branches."""
        rng = self.rng
        width = rng.uniform(3.1, 4.4)
        trunk = self.branch("coeliac", Territory.MESENTERIC, z, width)
        made, tip = [trunk], trunk.points[-1]
        for name, share in (("hepatic", 0.72), ("splenic", 0.78), ("left_gastric", 0.5)):
            course = getattr(self.branching, name)(tip)
            radii = width * share * rng.uniform(0.8, 1.1) * np.array([1, 0.85, 0.7])
            part = _vessel(rng, name, Territory.MESENTERIC, course, radii, 0.5)
            made.append(replace(part, label_ends_mm=_MESENTERIC_START_MM, dim=rng.uniform(0.9, 1)))
        return made

    def renals(self, side: str, z: float) -> list[Vessel]:
        """Draw the renal artery of one side and sometimes an accessory one."""
        rng = self.rng
        main = self.branch(f"renal_{side}", Territory.RENAL, z, rng.uniform(2.4, 3.6))
        made = [main]
        if rng.random() < _DIVIDED_SHARE:
            course = self.branching.division(main.points, side)
            radii = main.outer[-1] * np.array([0.95, 0.75])
            made.append(
                replace(_vessel(rng, f"renal_{side}_division", Territory.RENAL, course, radii, 0.4), dim=main.dim)
            )
        if rng.random() < 0.25:
            course = self.branching.renal(side, z - rng.uniform(8, 45), low=rng.uniform(5, 22))
            course = _before_bone(self.anatomy, course, 2.0)
            radii = np.array([1, 0.85]) * rng.uniform(1.2, 2.2)
            made.append(_vessel(rng, f"accessory_renal_{side}", Territory.RENAL, course, radii, 0.4))
        return made

    def branch(self, name: str, label: int, z: float, width: float) -> Vessel:
        """Draw a branch of the aorta, along the anatomy's own course at times."""
        rng = self.rng
        own = self.anatomy.arteries.get(name)
        if own is not None and rng.random() < _OWN_COURSE_SHARE:
            origin, _ = self.branching.at_height(z)
            left = np.clip(1 - np.arange(len(own)) / (0.7 * len(own) + 1), 0, 1)[:, None]
            course = _smooth(resample(np.vstack([origin, own + (origin - own[0]) * left]), STEP_MM), 4.0)
            course = sway(rng, course, rng.uniform(0, 3), 40, 10)
        elif name.startswith("renal"):
            course = self.branching.renal(name.removeprefix("renal_"), z)
        else:
            course = getattr(self.branching, name)(z)
        if name.startswith("renal"):
            course = _before_bone(self.anatomy, course, width)
        dim = rng.uniform(0.88, 1.02)
        return replace(
            _vessel(rng, name, label, course, width * np.array([1.05, 0.95, 0.8]), rng.uniform(0.4, 0.9)), dim=dim
        )

    def small(self, renal_z: float) -> list[Vessel]:
        """Draw the inferior mesenteric and the lumbar arteries."""
        rng = self.rng
        end = float(self.aorta.points[-1, 2])
        course = self.branching.inferior_mesenteric(end + rng.uniform(25, 50))
        made = [_vessel(rng, "inferior_mesenteric", OTHER, course, np.array([1, 0.7]) * rng.uniform(1.3, 2.3), 0.4)]
        for z in np.arange(renal_z - rng.uniform(5, 20), end + 6, -rng.uniform(28, 36)):
            for side in SIDES:
                if rng.random() < 0.8:
                    course = self.branching.lumbar(side, float(z))
                    made.append(_vessel(rng, "lumbar", OTHER, course, np.full(2, rng.uniform(0.7, 1.3)), 0.2))
        return made


def _at_narrow_angle(course: Array, fork: Array, start_mm: float, slope: float, apart_mm: float, lean: float) -> Array:
    """Lead an iliac artery away from the midline below the fork.

    By `slope` mm a mm at most, from `start_mm` on, whose sign is its side, and by just as much over `apart_mm`,
    where its own course may still be the aorta's. The midline goes to the left by `lean` mm a mm: one artery often
    goes on where the aorta came from.
    """
    below = np.clip(fork[2] - course[:, 2], 0, None)
    most = abs(start_mm) + slope * below
    middle = fork[0] + lean * np.minimum(below, _LEANS_MM)
    aside = np.clip(course[:, 0] - middle, -most, most)
    aside = np.where((below > 0) & (below < apart_mm + _APART_MM), np.sign(start_mm) * most, aside)
    return np.column_stack([middle + aside, course[:, 1:]])


def _smooth(values: Array, width: float) -> Array:
    return np.asarray(ndimage.gaussian_filter1d(values, width, axis=0, mode="nearest"))
