"""What another scanner, reconstruction or position would have changed: docs/accuracy.md.

A real CT is made anew in other ways; the labels are brought back to its own grid and compared with the drawn arteries.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.images.geometry import Array, Image
from CalcScoreLogic.images.itk_bridge import itk_image
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.models import Role, find
from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.sources import analyze
from Testing.bench.accuracy import dice
from Testing.bench.real import RealCase, read_ctliver
from Testing.trees import to_image

AIR_HU = -1000
TILT_DEGREES = 8.0


def run(data: Path | None) -> None:
    """Print Dice at full length and the burden for each variant; `data` holds ``ctliver``."""
    if data is None or not (data / "ctliver").is_dir():
        print("skipped, give the folder that holds ctliver with --data DIR")
        return
    case = read_ctliver(data / "ctliver")
    truth = score_masks(case.name, case.territories, case.calcification, cta=case.cta)
    print(f"drawn: burden {_percent(truth.result.scores.territories['combined'].burden)}")
    print(f"| CT | {' | '.join(territory.key for territory in Territory)} | burden |")
    print(f"| --- |{' --- |' * (len(Territory) + 1)}")
    for name, vary in VARIANTS.items():
        print(_row(name, case, vary(case.cta)), flush=True)


def _row(name: str, case: RealCase, cta: Image) -> str:
    models = [find(role) for role in Role]
    scored = analyze(case.name, cta, models, options=InferenceOptions(mirroring=False))
    found = _onto(scored.territories, case.cta)
    counted = ~case.ignore
    values = [
        dice((found == territory) & counted, (case.territories.array == territory) & counted) for territory in Territory
    ]
    burden = _percent(scored.result.scores.territories["combined"].burden)
    return f"| {name} | {' | '.join(f'{value:.2f}' for value in values)} | {burden} |"


def _percent(burden: float | None) -> str:
    return "–" if burden is None else f"{100 * burden:.2f} %"


def _onto(labels: Image, cta: Image) -> Array:
    """Bring labels onto a CTA's grid, each voxel with the nearest label."""
    return to_image(sitk.Resample(itk_image(labels), itk_image(cta), sitk.Transform(), sitk.sitkNearestNeighbor)).array


def _averaged(*counts: int) -> Callable[[Image], Image]:
    """Average this many voxels along (i, j, k), as thick slices or a larger field of view do."""
    return lambda cta: to_image(sitk.Cast(sitk.BinShrink(itk_image(cta), counts), sitk.sitkInt16))


def _hu(change: Callable[[Array], Array]) -> Callable[[Image], Image]:
    def vary(cta: Image) -> Image:
        changed = np.round(change(cta.array.astype(np.float32)))
        return Image(np.clip(changed, -1024, 3071).astype(np.int16), cta.geometry)

    return vary


def _noisy(hu: Array) -> Array:
    """Add noise of 30 HU with the grain of a soft-tissue kernel."""
    grain = ndimage.gaussian_filter(np.random.default_rng(1).normal(0, 1, hu.shape).astype(np.float32), (0.5, 0.8, 0.8))
    return hu + 30 * grain / grain.std()


def _sharp(hu: Array) -> Array:
    """Sharpen edges, and noise with them, as a bone kernel does."""
    return hu + 1.5 * (hu - ndimage.gaussian_filter(hu, (0, 1.2, 1.2)))


def _tilted(cta: Image) -> Image:
    """Take slices oblique to the body, turned about its left-right and its front-back axis."""
    made = itk_image(cta)
    centre = made.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in made.GetSize()])
    turn = sitk.Euler3DTransform(centre, *np.radians((TILT_DEGREES, TILT_DEGREES, 0.0)))
    tilted = sitk.Resample(made, made, turn, sitk.sitkLinear, AIR_HU)
    matrix = np.reshape(turn.GetMatrix(), (3, 3)) @ np.reshape(made.GetDirection(), (3, 3))
    tilted.SetOrigin(turn.TransformPoint(made.GetOrigin()))
    tilted.SetDirection(matrix.ravel())
    return to_image(tilted)


def _cut(cta: Image) -> Image:
    """Leave 25 mm out at each side, in front and behind."""
    margin = round(25 / cta.geometry.spacing[0])
    return to_image(itk_image(cta)[margin:-margin, margin:-margin, :])


VARIANTS: dict[str, Callable[[Image], Image]] = {
    "as it is": lambda cta: cta,
    "slices of 2.8 mm": _averaged(1, 1, 4),
    "slices of 4.9 mm": _averaged(1, 1, 7),
    "pixels of 1.4 mm": _averaged(2, 2, 1),
    "noise, 30 HU": _hu(_noisy),
    "sharp kernel": _hu(_sharp),
    "blurred": _hu(lambda hu: ndimage.gaussian_filter(hu, 1.4)),
    "contrast and calcium a fifth brighter": _hu(lambda hu: np.where(hu > 0, 1.2 * hu, hu)),
    "all 30 HU darker": _hu(lambda hu: hu - 30),
    f"slices {TILT_DEGREES:.0f}° oblique": _tilted,
    "25 mm cut from each side": _cut,
}
