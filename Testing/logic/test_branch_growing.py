"""Branches grown between two clicks: tubes of known radius, what touches them, and real CT where it is at hand."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial import cKDTree

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.branch_growing import Branch, grow_branch
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Array, Geometry, Image
from CalcScoreLogic.shortening import shorten

CTLIVER = Path(__file__).resolve().parents[3] / "shared" / "data" / "ctliver"
TISSUE_HU, LUMEN_HU, NOISE_HU = 20.0, 350.0, 15.0
TURN = np.array([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])
GRID = Geometry((100, 80, 60), (0.8, 0.8, 1.0), (-12.0, 7.0, -300.0), tuple(TURN.ravel()))
AORTA_MM, RADIUS_MM = 9.0, 3.0


def course(n: int = 400) -> Array:
    """A branch that leaves the aorta and bends, (i, j, k) mm from the first voxel's centre; about 57 mm long."""
    along = np.linspace(0.0, 1.0, n)
    return np.stack([16 + 52 * along, 32 + 9 * np.sin(np.pi * along), 30 + 8 * along**2], axis=1)


def places() -> Array:
    """Voxel centres, (i, j, k) mm, shape (k, j, i, 3)."""
    return np.asarray(np.moveaxis(np.indices(GRID.shape)[::-1], 0, -1) * np.array(GRID.spacing))


def lps(mm: Array) -> Array:
    return GRID.to_physical(np.asarray(mm) / GRID.spacing)


def filled(depth_mm: Array, edge_mm: float = 0.8) -> Array:
    """Give the share of a voxel that lies in a body, from the depth of its centre below the surface."""
    return np.clip(depth_mm / edge_mm + 0.5, 0, 1)


class Scene:
    """An aorta along k, a branch, and room for neighbours."""

    def __init__(self) -> None:
        at = places()
        self.at = at
        self.depth = RADIUS_MM - cKDTree(course()).query(at)[0]
        self.aorta_depth = AORTA_MM - np.linalg.norm(at[..., :2] - (16, 32), axis=-1)
        self.aorta = self.aorta_depth > 0
        self.branch = (self.depth > 0) & ~self.aorta
        share = np.maximum(filled(self.depth), filled(self.aorta_depth))
        self.hu = TISSUE_HU + (LUMEN_HU - TISSUE_HU) * share

    def add(self, depth_mm: Array, hu: float) -> None:
        """Put a body beside the branch; where both are, the branch is."""
        share = filled(depth_mm) * (1 - np.maximum(filled(self.depth), filled(self.aorta_depth)))
        self.hu = self.hu * (1 - share) + hu * share

    def grow(self, first: Array, second: Array) -> Branch:
        noise = np.random.default_rng(5).normal(0, NOISE_HU, self.hu.shape)
        cta = Image(np.rint(self.hu + noise).astype(np.int16), GRID)
        return grow_branch(cta, Image(self.aorta.astype(np.uint8), GRID), lps(first), lps(second))


def dice(first: Array, second: Array) -> float:
    return float(2 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second)))


OSTIUM, END = np.array([26.0, 37.6, 30.3]), course()[-1]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_bent_tube_comes_back_with_its_radius(scene: Scene) -> None:
    found = scene.grow(OSTIUM, END)
    assert found.joined
    assert dice(found.mask.array, scene.branch) >= 0.92
    outside = found.radius_mm[len(found.radius_mm) // 4 : -4]
    assert np.median(outside) == pytest.approx(RADIUS_MM, abs=0.3)
    # From the aorta's surface: the whole is 57 mm long, 9 of them inside the aorta.
    assert found.length_mm == pytest.approx(48, abs=3)
    assert not (found.mask.array & scene.aorta).any()


def test_clicks_at_the_edge_of_the_lumen_will_do(scene: Scene) -> None:
    found = scene.grow(OSTIUM + np.array([0, 2.0, 0.5]), END + np.array([0, 0.5, 2.0]))
    assert dice(found.mask.array, scene.branch) >= 0.9


def test_a_bright_vein_that_touches_it_stays_out(scene: Scene) -> None:
    # The vein runs along the branch, 7 mm to the side: two radii of 3 and 4 mm touch.
    vein = 4.0 - cKDTree(course() + np.array([0.0, 0.0, -7.0])).query(scene.at)[0]
    scene.add(vein, 320.0)
    found = scene.grow(OSTIUM, END)
    assert dice(found.mask.array, scene.branch) >= 0.88
    assert np.count_nonzero(found.mask.array & (vein > 0.5)) <= 0.05 * np.count_nonzero(found.mask.array)


def test_bone_that_touches_it_stays_out(scene: Scene) -> None:
    bone = scene.at[..., 1] - (32 + 9 + RADIUS_MM)
    scene.add(bone, 700.0)
    found = scene.grow(OSTIUM, END)
    assert dice(found.mask.array, scene.branch) >= 0.9
    assert np.count_nonzero(found.mask.array & (bone > 0.5)) <= 0.03 * np.count_nonzero(found.mask.array)


def test_a_plaque_in_the_wall_belongs_to_the_branch(scene: Scene) -> None:
    plaque = (np.abs(scene.at[..., 0] - 44) < 4) & (scene.depth > 0) & (scene.depth < 1.5) & (scene.at[..., 2] > 31)
    scene.hu[plaque] = 900.0
    found = scene.grow(OSTIUM, END)
    assert np.count_nonzero(plaque & found.mask.array) >= 0.9 * np.count_nonzero(plaque)
    assert dice(found.mask.array, scene.branch) >= 0.9


def test_what_was_grown_hangs_on_the_aorta(scene: Scene) -> None:
    # The click is 6 mm away from the aorta's wall.
    found = scene.grow(np.array([31.0, 39.0, 30.7]), END)
    map_ = scene.aorta * np.uint8(Territory.AORTA) + found.mask.array * np.uint8(Territory.RENAL)
    kept = np.count_nonzero(shorten(Image(map_.astype(np.uint8), GRID)).territories.array == Territory.RENAL)
    assert 0.3 * np.count_nonzero(found.mask.array) < kept < 0.8 * np.count_nonzero(found.mask.array)


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2), (0,)])
def test_how_the_volume_is_stored_changes_little(scene: Scene, axes: tuple[int, ...]) -> None:
    found = scene.grow(OSTIUM, END)
    sign = np.ones(3)
    sign[[2 - a for a in axes]] = -1
    corner = np.where(sign < 0, np.array(GRID.size) - 1, 0)
    turned = Geometry(GRID.size, GRID.spacing, tuple(GRID.to_physical(corner)), tuple((GRID.matrix * sign).ravel()))
    noise = np.random.default_rng(5).normal(0, NOISE_HU, scene.hu.shape)
    hu = np.rint(scene.hu + noise).astype(np.int16)
    other = grow_branch(
        Image(np.flip(hu, axes), turned), Image(np.flip(scene.aorta, axes), turned), lps(OSTIUM), lps(END)
    )
    assert dice(np.flip(other.mask.array, axes), found.mask.array) >= 0.97


def test_no_bright_way_is_told(scene: Scene) -> None:
    gap = np.abs(scene.at[..., 0] - 44) < 8
    scene.hu[gap] = TISSUE_HU
    with pytest.raises(InputError, match="no bright way leads from the first click to the second"):
        scene.grow(OSTIUM, END)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ([200.0, 30.0, 30.0], "the second click lies outside the CTA"),
        ([27.0, 37.6, 30.3], "1 mm apart, a branch needs 3 to 200 mm"),
    ],
)
def test_clicks_that_cannot_be_used_are_refused(scene: Scene, second: list[float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        scene.grow(OSTIUM, np.array(second))


@pytest.mark.skipif(not CTLIVER.is_dir(), reason="the CTLiver volume is not beside this checkout")
@pytest.mark.parametrize(
    ("vessel", "territory", "least"),
    [
        ("lra", Territory.RENAL, 0.85),
        ("rra", Territory.RENAL, 0.8),
        ("coel", Territory.MESENTERIC, 0.85),
        ("sma", Territory.MESENTERIC, 0.85),
    ],
)
def test_a_deleted_artery_of_a_patient_comes_back(vessel: str, territory: Territory, least: float) -> None:
    cta, labels, ignored = (
        _read(CTLIVER / name) for name in ("ctliver_aortoiliac_roi_0.7mm.nrrd", "labels.nii.gz", "ignore.nii.gz")
    )
    ways: dict[str, list[list[float]]] = {}
    with (CTLIVER / "centrelines.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            ways.setdefault(row["vessel"], []).append([float(row[f"{axis}_mm"]) for axis in "xyz"])
    way = np.array(ways.pop(vessel))
    others = np.array([place for name, places in ways.items() if name != "aorta" for place in places])
    voxels = np.argwhere(labels.array == territory)
    positions = labels.geometry.to_physical(voxels[:, ::-1])
    apart, nearest = cKDTree(way).query(positions)
    own = apart < cKDTree(others).query(positions)[0]
    start = nearest[own].min()
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])
    end = int(np.flatnonzero((along - along[start] <= 60) & (np.arange(len(way)) <= nearest[own].max()))[-1])
    known, drawn = labels.array.copy(), np.zeros(labels.array.shape, bool)
    known[tuple(voxels[own].T)] = 0
    drawn[tuple(voxels[own & (nearest <= end)].T)] = True
    found = grow_branch(cta, Image(known, labels.geometry), way[start], way[end])
    counted = ignored.array == 0
    assert dice(found.mask.array & counted, drawn & counted) >= least


def _read(path: Path) -> Image:
    image = sitk.ReadImage(str(path))
    geometry = Geometry(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    return Image(sitk.GetArrayFromImage(image), geometry)
