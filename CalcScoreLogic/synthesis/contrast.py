"""Intensities of a body's tissues and arteries at one moment after the injection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..images.geometry import Array
from .tissues import Tissue

PATCH_PHASES = {"arterial": 0.34, "portal venous": 0.48, "none": 0.08, "any": 0.1}
"""Shares of the phases among training patches."""

CASE_PHASES = {"arterial": 0.7, "portal venous": 0.3}
"""Shares of the phases among whole cases, which are angiograms."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """What shines how bright.

    Attributes
    ----------
    phase : str
        ``"arterial"``, ``"portal venous"``, ``"none"`` or ``"any"`` (tissues of random intensity).
    mean, spread : ndarray of float32, shape (256,)
        Intensity of each tissue and standard deviation of its texture, HU.
    lumen, wall, thrombus : float
        Intensity of the aorta's lumen, of arterial walls and of thrombus, HU.
    false_lumen : float
        Intensity of a dissection's false lumen, HU.
    mixing : float
        Standard deviation of the lumen's intensity, as a share of it.
    """

    phase: str
    mean: Array
    spread: Array
    lumen: float
    wall: float
    thrombus: float
    false_lumen: float
    mixing: float


def draw_contrast(rng: np.random.Generator, shares: Mapping[str, float] = PATCH_PHASES) -> Contrast:
    """Draw a phase, by the shares of the phases, and the intensities of everything in it."""
    phase = str(rng.choice(list(shares), p=list(shares.values())))
    mean = _plain(rng)
    u, n = rng.uniform, rng.normal
    lumen, tissues = _PHASES[phase](rng)
    for tissue, hu in tissues.items():
        mean[tissue] = hu
    enhanced = phase != "none"
    mean[Tissue.SMALL_ARTERY] = lumen * (u(0.5, 1) if enhanced else 1)
    mean[Tissue.SMALL_VEIN] = mean[Tissue.PORTAL_VEIN] * (u(0.6, 1) if enhanced else 1)
    bolus = phase == "arterial" and rng.random() < 0.5
    mean[Tissue.SUPERIOR_CAVA] = u(300, 1500) if bolus else mean[Tissue.RIGHT_HEART]
    mean[Tissue.CRUS] = mean[Tissue.MUSCLE] + n(8, 12)
    if phase == "portal venous" and rng.random() < 0.12:  # late: excretion
        mean[Tissue.RENAL_PELVIS] = u(200, 1200)
    return Contrast(
        phase=phase,
        mean=mean,
        spread=_texture(rng, phase),
        lumen=float(lumen),
        wall=float(np.clip(n(52, 12), 25, 90) if enhanced else np.clip(n(44, 6), 30, 60)),
        thrombus=float(np.clip(n(42, 14), 15, 90)),
        false_lumen=float(lumen * u(0.3, 1.1) if rng.random() < 0.7 else n(45, 12)),
        mixing=float(abs(n(0, 0.05))),
    )


def _arterial(rng: np.random.Generator) -> tuple[float, dict[Tissue, float]]:
    """Draw lumen, veins and organs while the bolus is in the arteries, HU."""
    u, n = rng.uniform, rng.normal
    lumen = u(180, 550)
    veins = {
        Tissue.LOWER_VEIN: u(25, 100),
        Tissue.UPPER_VEIN: u(40, 0.7 * lumen),
        Tissue.PORTAL_VEIN: u(35, 0.6 * lumen),
    }
    organs = {Tissue.LIVER: n(68, 14), Tissue.SPLEEN: u(70, 180), Tissue.KIDNEY_CORTEX: u(100, 260)}
    organs[Tissue.KIDNEY_MEDULLA] = u(35, 0.7 * organs[Tissue.KIDNEY_CORTEX] + 20)
    organs |= {Tissue.LEFT_HEART: lumen * u(0.8, 1.1), Tissue.RIGHT_HEART: lumen * u(0.2, 1.1)}
    organs |= {Tissue.PANCREAS: n(90, 20), Tissue.STOMACH_WALL: n(80, 25), Tissue.BOWEL_WALL: n(92, 34)}
    organs[Tissue.MYOCARDIUM] = u(70, 140)
    return lumen, veins | organs


def _portal_venous(rng: np.random.Generator) -> tuple[float, dict[Tissue, float]]:
    """Draw lumen, veins and organs when the veins have caught up, HU."""
    u, n = rng.uniform, rng.normal
    lumen = u(100, 240)
    equal = rng.random() < 0.65
    veins = {
        Tissue.LOWER_VEIN: lumen * (u(0.85, 1.05) if equal else u(0.35, 1.05)),
        Tissue.UPPER_VEIN: lumen * (u(0.9, 1.08) if equal else u(0.65, 1.05)),
        Tissue.PORTAL_VEIN: lumen * u(0.85, 1.25),
    }
    organs = {Tissue.LIVER: n(105, 15), Tissue.SPLEEN: n(115, 15), Tissue.KIDNEY_CORTEX: lumen * u(0.9, 1.35)}
    organs[Tissue.KIDNEY_MEDULLA] = organs[Tissue.KIDNEY_CORTEX] * u(0.7, 1.05)
    organs |= {Tissue.LEFT_HEART: lumen * u(0.85, 1.1), Tissue.RIGHT_HEART: lumen * u(0.85, 1.1)}
    organs |= {Tissue.PANCREAS: n(92, 15), Tissue.STOMACH_WALL: n(85, 20), Tissue.BOWEL_WALL: n(102, 30)}
    organs[Tissue.MYOCARDIUM] = u(80, 130)
    return lumen, veins | organs


def _without_contrast(rng: np.random.Generator) -> tuple[float, dict[Tissue, float]]:
    """Draw lumen, veins and organs as they are without contrast agent, HU."""
    n = rng.normal
    lumen = n(42, 6)
    blood = [Tissue.LOWER_VEIN, Tissue.UPPER_VEIN, Tissue.PORTAL_VEIN, Tissue.LEFT_HEART, Tissue.RIGHT_HEART]
    veins = {tissue: lumen + n(0, 3) for tissue in blood}
    organs = {Tissue.LIVER: n(56, 11), Tissue.SPLEEN: n(48, 6), Tissue.KIDNEY_CORTEX: n(32, 5)}
    organs[Tissue.KIDNEY_MEDULLA] = organs[Tissue.KIDNEY_CORTEX] + n(0, 2)
    organs |= {Tissue.PANCREAS: n(40, 8), Tissue.MYOCARDIUM: lumen + n(5, 4)}
    return lumen, veins | organs


def _at_random(rng: np.random.Generator) -> tuple[float, dict[Tissue, float]]:
    """Draw a lumen and tissues that need not go together, HU."""
    u = rng.uniform
    lumen = u(60, 500)
    free = (*range(Tissue.MUSCLE, Tissue.BOWEL_FLUID + 1), *range(Tissue.MYOCARDIUM, Tissue.OESOPHAGUS + 1))
    veins = {Tissue(tissue): u(-30, 250) for tissue in free}
    organs = {t: u(0, 350) for t in (Tissue.LOWER_VEIN, Tissue.UPPER_VEIN, Tissue.PORTAL_VEIN, Tissue.KIDNEY_CORTEX)}
    return lumen, veins | organs


_PHASES = {"arterial": _arterial, "portal venous": _portal_venous, "none": _without_contrast, "any": _at_random}


def _plain(rng: np.random.Generator) -> Array:
    """Draw the intensities of tissues that no contrast changes."""
    u, n = rng.uniform, rng.normal
    mean = np.full(256, 40.0, np.float32)
    values = {
        Tissue.AIR: -1000, Tissue.FAT: n(-102, 10), Tissue.LUNG: n(-840, 50), Tissue.MUSCLE: n(57, 9),
        Tissue.GALLBLADDER: n(10, 12), Tissue.RENAL_PELVIS: n(12, 10), Tissue.ADRENAL: n(50, 20),
        Tissue.STOMACH_WALL: n(50, 15), Tissue.BOWEL_WALL: n(45, 15), Tissue.BOWEL_FLUID: n(20, 18),
        Tissue.STOMACH_CONTENT: (n(12, 12), n(40, 30), u(100, 500))[rng.choice(3, p=[0.5, 0.35, 0.15])],
        Tissue.BOWEL_CONTENT: (n(25, 35), n(-120, 100), u(100, 700))[rng.choice(3, p=[0.5, 0.25, 0.25])],
        Tissue.GAS: n(-850, 100), Tissue.VERTEBRA_CORTEX: u(220, 600), Tissue.VERTEBRA_MARROW: u(90, 300),
        Tissue.DISC: n(85, 22), Tissue.BONE_CORTEX: u(300, 1000), Tissue.BONE_MARROW: u(20, 300),
        Tissue.SPINAL_CANAL: n(30, 14), Tissue.OESOPHAGUS: n(45, 15), Tissue.SKIN: n(20, 25), Tissue.NODE: n(60, 28),
        Tissue.CALCIUM: u(250, 1400), Tissue.TABLE: u(-300, 300), Tissue.METAL: u(1500, 6000),
        Tissue.BLADDER_WALL: n(45, 15), Tissue.URINE: (n(8, 7), u(50, 600))[rng.choice(2, p=[0.88, 0.12])],
        Tissue.PELVIC_ORGAN: n(70, 30), Tissue.LESION: (n(8, 8), n(55, 25))[rng.choice(2)], Tissue.AIRWAY: -980,
    }  # fmt: skip
    for tissue, hu in values.items():
        mean[tissue] = hu
    return mean


def _texture(rng: np.random.Generator, phase: str) -> Array:
    spread = np.full(256, 4.0, np.float32)
    values = {
        Tissue.AIR: 0, Tissue.FAT: 8, Tissue.LUNG: 40, Tissue.MUSCLE: 12, Tissue.PANCREAS: 14,
        Tissue.STOMACH_CONTENT: 15,
        Tissue.BOWEL_WALL: 18, Tissue.BOWEL_FLUID: 14, Tissue.GAS: 60, Tissue.BOWEL_CONTENT: 45,
        Tissue.VERTEBRA_CORTEX: 90, Tissue.VERTEBRA_MARROW: 40, Tissue.BONE_CORTEX: 130, Tissue.BONE_MARROW: 45,
        Tissue.KIDNEY_CORTEX: 8, Tissue.KIDNEY_MEDULLA: 8, Tissue.MYOCARDIUM: 12, Tissue.CRUS: 8, Tissue.TABLE: 30,
    }  # fmt: skip
    if phase == "arterial":
        values |= {Tissue.SPLEEN: 14, Tissue.LOWER_VEIN: 12, Tissue.UPPER_VEIN: 22, Tissue.RIGHT_HEART: 25}
    for tissue, hu in values.items():
        spread[tissue] = hu
    return np.asarray(spread * np.float32(rng.uniform(0.4, 1.5)))
