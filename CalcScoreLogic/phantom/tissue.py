"""Soft tissue: body wall, organs, muscles, bowel and veins."""

from __future__ import annotations

import numpy as np

from ..images.geometry import Array
from .arteries import ArterialTree
from .frame import Body
from .shapes import Cylinder, Ellipsoid, Layer, rotation_about, upright
from .tubes import STEP_MM, Tube, smooth_tube

_FAT_HU = -100.0
_MUSCLE_HU = 60.0
_GAS_HU = -900.0
_VEIN_GAP_MM = 1.5
_LOOP_GAP_MM = 3.0  # between a bowel loop and any artery


def draw_soft_tissue(rng: np.random.Generator, body: Body, tree: ArterialTree) -> list[Layer]:
    """Draw everything soft that lies below bones and arteries, to be painted in order."""
    return [
        *_wall(body),
        *_solid_organs(rng, body),
        *_bowel(rng, body, tree),
        *_upper_abdomen(rng, body, tree),
        *_kidneys(rng, body),
        *_muscles(rng, body, tree),
    ]


def _wall(body: Body) -> list[Layer]:
    """Build subcutaneous fat, the muscular wall and the fat inside it."""
    layers = []
    for depth, hu in ((0.0, _FAT_HU), (body.fat_mm, _MUSCLE_HU), (body.fat_mm + body.muscle_mm, _FAT_HU - 5)):
        layers.append(Layer(Cylinder(np.zeros(3), body.half_width - depth, body.half_depth - depth, np.inf), hu))
    return layers


def _solid_organs(rng: np.random.Generator, body: Body) -> list[Layer]:
    """Draw the lower edge of the liver and of the spleen."""
    width = body.inner_half_width(0)
    liver = Ellipsoid(
        np.array([-width + 44, -8.0, body.high[2] + rng.uniform(-25, -10)]),
        np.array([42.0, 58.0, rng.uniform(62, 85)]),
        rotation_about(1, rng.uniform(-15, 0)),
    )
    spleen = upright((width - 22, 26, body.high[2] - rng.uniform(0, 15)), (20, 32, rng.uniform(35, 48)))
    return [Layer(liver, rng.uniform(85, 120)), Layer(spleen, rng.uniform(100, 150))]


def _upper_abdomen(rng: np.random.Generator, body: Body, tree: ArterialTree) -> list[Layer]:
    """Draw the stomach, and the pancreas across the aorta in front of the mesenteric origins."""
    width = body.inner_half_width(-40)
    stomach = Ellipsoid(
        np.array([0.5 * width, -42.0, body.high[2] - rng.uniform(0, 20)]),
        np.array([0.4 * width, 24.0, rng.uniform(35, 50)]),
        rotation_about(1, rng.uniform(-30, -10)),
    )
    behind = tree.aorta.tube.points[np.abs(tree.aorta.tube.points[:, 2] - 100).argmin()]
    course = np.array([[-38, -12, -22], [-12, -26, -10], [22, -26, 2], [60, -4, 12]]) + rng.uniform(-4, 4, (4, 3))
    pancreas = smooth_tube(behind + course, np.array([11.0, 8.0, 8.0, 7.0]) * rng.uniform(0.8, 1.15))
    return [
        Layer(stomach, _MUSCLE_HU),
        Layer(Ellipsoid(stomach.centre, stomach.semi_axes - 4, stomach.rotation), rng.uniform(0, 35)),
        Layer(pancreas, rng.uniform(85, 120)),
    ]


def _kidneys(rng: np.random.Generator, body: Body) -> list[Layer]:
    """Draw both kidneys: bright cortex, darker medulla, and fat in a sinus that opens forwards and inwards."""
    cortex, medulla = rng.uniform(170, 250), rng.uniform(80, 130)
    layers = []
    for side in (1, -1):
        centre = body.kidney_centre(side)
        turn = rotation_about(1, side * rng.uniform(4, 12)) @ rotation_about(2, side * rng.uniform(10, 25))
        size = np.array([21.0, 25.0, 50.0]) * rng.uniform(0.92, 1.05)
        sinus = centre + np.array([-12.0 * side, -4.0, 0.0])
        layers += [
            Layer(Ellipsoid(centre, size, turn), cortex),
            Layer(Ellipsoid(centre, size - 7, turn), medulla),
            Layer(Ellipsoid(sinus, np.array([13.0, 9.0, 24.0]), turn), _FAT_HU),
        ]
    return layers


def _muscles(rng: np.random.Generator, body: Body, tree: ArterialTree) -> list[Layer]:
    """Draw the psoas muscles beside the spine, the erectors behind it and the crura beside the upper aorta."""
    layers = []
    upper = slice(0, None, round(10 / STEP_MM))
    aorta, radii = tree.aorta.tube.points[upper], tree.aorta.tube.radii[upper]
    high = aorta[:, 2] > rng.uniform(78, 95)
    crus = np.interp(aorta[high, 2], [80, 120], [2.5, rng.uniform(4.5, 6.5)])
    z = np.linspace(body.low[2] - 5, 110, 8)
    x, y = body.spine.centre(z)
    girth = np.interp(z, [-60, 20, 110], [17.0, 15.0, 5.0]) * rng.uniform(0.85, 1.1)
    for side in (-1, 1):
        aside = body.spine.half_width + 0.75 * girth + np.clip(-z, 0, None) * 0.15
        course = np.stack([x + side * aside, y + 3 - np.clip(-z, 0, None) * 0.25, z], axis=1)
        layers.append(Layer(smooth_tube(course, girth), _MUSCLE_HU))
        beside = aorta[high] + np.stack([side * (radii[high] + 2), 0.5 * radii[high], 0 * crus], axis=1)
        layers.append(Layer(smooth_tube(beside, crus), _MUSCLE_HU))
        behind = np.array([side * 27.0, body.spine.y + body.spine.half_depth + 22, 0.0])
        layers.append(Layer(Cylinder(behind, 23.0, 15.0, np.inf), _MUSCLE_HU))
    return layers


def draw_veins(rng: np.random.Generator, body: Body, tree: ArterialTree) -> list[Layer]:
    """Draw the inferior vena cava, right of the aorta, and the common iliac veins behind the arteries."""
    hu = rng.uniform(120, 200)
    width = rng.uniform(9, 11.5)
    aorta = tree.aorta.tube
    rising = slice(None, None, -round(10 / STEP_MM))
    z = aorta.points[rising, 2]
    spine_x, spine_y = body.spine.centre(z)
    room = aorta.points[rising, 0] - aorta.radii[rising] - width - _VEIN_GAP_MM
    x = np.minimum(spine_x - 12, room)
    course = np.stack([x, spine_y - body.spine.half_depth, z], axis=1)
    low = np.array([x[0], course[0, 1], -14.0])
    cava = np.vstack([low, course[z > 0]])
    veins = [_vein(body, cava, np.full(len(cava), width))]
    for side in (-1, 1):
        end = np.array([side * rng.uniform(30, 42), body.spine.y + 4, body.low[2] - 6])
        middle = 0.5 * (low + end) + np.array([0, -4, 6 if side > 0 else 2])
        veins.append(
            _vein(body, np.stack([low + np.array([0, 0, 4]), low + 0.15 * (end - low), middle, end]), np.full(4, 6.5))
        )
    return [Layer(vein, hu) for vein in veins]


def _vein(body: Body, course: Array, radii: Array) -> Tube:
    """Lay a vein that may touch the vertebrae but does not run through them."""
    first = smooth_tube(course, radii)
    every = round(4 / STEP_MM)
    points, widths = first.points[::every], first.radii[::every]
    return smooth_tube(body.spine.keep_clear(points, widths), widths)


def _bowel(rng: np.random.Generator, body: Body, tree: ArterialTree) -> list[Layer]:
    """Draw bowel loops of soft tissue and fluid, some with gas."""
    layers = []
    for loop in draw_loops(rng, body, tree, count=28):
        layers += [Layer(loop, rng.uniform(35, 60)), Layer(Tube(loop.points, loop.radii - 2), rng.uniform(5, 40))]
        if rng.random() < 0.3:
            x, y, z = loop.points[len(loop.points) // 2]
            layers.append(Layer(upright((x, y - 3, z), (7, 4, 7)), _GAS_HU))
    return layers


def draw_loops(rng: np.random.Generator, body: Body, tree: ArterialTree, count: int) -> list[Tube]:
    """Draw curved bowel loops in the front of the abdomen, away from every artery.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    body : Body
        The abdominal cavity.
    tree : ArterialTree
        The arteries to keep away from.
    count : int
        How many loops to try; one that finds no room is left out.

    Returns
    -------
    list of Tube
        Outer surfaces of the loops.
    """
    loops = []
    for _ in range(count):
        radius = rng.uniform(9, 14)
        front = -(body.half_depth - body.fat_mm - body.muscle_mm)
        y = rng.uniform(front + radius + 3, -12)
        reach = body.inner_half_width(y - radius) - radius - 2
        middle = np.array([rng.uniform(-reach, reach), y, rng.uniform(body.low[2], 105)])
        heading, bend = rng.normal(size=3), rng.normal(size=3)
        heading *= rng.uniform(12, 28) / np.linalg.norm(heading)
        course = middle + np.outer([-1, 0, 1], heading) + np.outer([1, 0, 1], bend * 5)
        course[:, 1] = np.clip(course[:, 1], front + radius + 3, 5)
        limits = [body.inner_half_width(v) - radius - 2 for v in course[:, 1] - radius]
        course[:, 0] = np.clip(course[:, 0], np.negative(limits), limits)
        loop = smooth_tube(course, np.full(3, radius))
        if tree.clearance(loop.points[::8]) > radius + _LOOP_GAP_MM:
            loops.append(loop)
    return loops
