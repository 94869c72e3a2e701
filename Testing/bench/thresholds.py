"""Thresholds side by side by contrast phase, inside true arteries: docs/thresholds.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from CalcScoreLogic.anatomy import CalcificationLabel
from CalcScoreLogic.evaluation.measure import LUMEN_HU, CaseOutcome, Measurement
from CalcScoreLogic.evaluation.phases import phase_table, threshold_figures
from CalcScoreLogic.evaluation.tables import cases_table
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.phantom import PhantomParameters, make_phantom
from CalcScoreLogic.shortening import shorten
from CalcScoreLogic.synthesis import drawn_anatomy
from CalcScoreLogic.synthesis.body import draw_body
from CalcScoreLogic.synthesis.contrast import draw_contrast
from CalcScoreLogic.synthesis.pose import draw_pose
from CalcScoreLogic.synthesis.render import render
from CalcScoreLogic.synthesis.scanner import draw_scanner, scan
from CalcScoreLogic.synthesis.tubes import Axes
from Testing.bench.real import drawn_calcification, read_ctliver

PHANTOMS = range(200000, 200020)
SYNTHETIC = range(500000, 500060)
PHANTOM_MM = 1.5
SHAPE, SPACING_MM = (190, 110, 150), 1.25
"""Voxels along (k, j, i) around the infrarenal aorta."""

Case = tuple[str, Image, Image, Image]
"""Name, CTA, territory map and calcification map."""


def run(data: Path | None) -> None:
    """Print a table of each kind of case; `data` holds ``ctliver``."""
    for title, cases in (("Phantoms", phantoms()), ("Synthetic CTA", synthetic()), ("CTLiver", real(data))):
        outcomes = [measured(*case) for case in cases]
        if not outcomes:
            print(f"{title}: skipped, give the folder that holds it with --data DIR")
            continue
        print(
            f"\n{title}, n = {len(outcomes)}\n\n| phase | threshold | n | mean HU | Dice (SD) | lowest | burden, bias |"
        )
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for row in phase_table(cases_table(outcomes), LUMEN_HU).to_dict("records"):
            spread = f"{row['dice_mean']:.2f} ({row['dice_sd']:.2f})"
            told = f"{row['n']} | {row['hu_mean']:.0f} | {spread} | {row['dice_min']:.2f}"
            print(f"| {row['phase']} | {row['method']} | {told} | {100 * row['burden_bias']:+.1f} |", flush=True)


def measured(name: str, cta: Image, territories: Image, calcification: Image) -> CaseOutcome:
    """Measure a case as a study does."""
    shortened = shorten(territories).territories
    lumen = cta.array[(territories.array > 0) & (calcification.array != CalcificationLabel.CALCIFICATION)]
    found = [Measurement("reference", "combined", LUMEN_HU, float(np.median(lumen)))]
    found += [Measurement(*figure) for figure in threshold_figures(cta, territories, shortened, calcification)]
    return CaseOutcome(name, 0.0, measurements=tuple(found))


def phantoms() -> Iterator[Case]:
    """Make phantoms; they are arterial all."""
    for seed in tqdm(PHANTOMS):
        made = make_phantom(PhantomParameters(seed, (PHANTOM_MM,) * 3))
        yield f"phantom {seed}", made.cta, made.territories, made.calcification


def synthetic() -> Iterator[Case]:
    """Make synthetic CTA of the drawn anatomy, in all phases; those without calcification are passed over."""
    anatomy = drawn_anatomy()
    axes = Axes(*((np.arange(n) - (n - 1) / 2) * SPACING_MM for n in SHAPE))
    geometry = Geometry(SHAPE[::-1], (SPACING_MM,) * 3)
    for seed in tqdm(SYNTHETIC):
        rng = np.random.default_rng(seed)
        body = draw_body(rng, anatomy, calcified=True)
        points = body.tree.vessels[0].points
        pose = draw_pose(rng, np.asarray(points[len(points) // 2]))
        contrast, scanner = draw_contrast(rng), draw_scanner(rng)
        drawn = render(rng, body, pose, contrast, axes)
        territories = np.where(drawn.territories <= 4, drawn.territories, 0).astype(np.uint8)
        cta = scan(rng, scanner, drawn.image, axes)
        plaques = drawn.calcified & (territories > 0)
        if plaques.any():
            yield (
                f"synthetic {seed}",
                Image(cta, geometry),
                Image(territories, geometry),
                Image(drawn_calcification(territories, plaques), geometry),
            )


def real(data: Path | None) -> Iterator[Case]:
    """Give the real CT with drawn arteries, where it is there; what is to be ignored is left out."""
    if data is None or not (data / "ctliver").is_dir():
        return
    case = read_ctliver(data / "ctliver")
    assert case.calcification is not None
    kept = (
        Image(np.where(case.ignore, np.uint8(0), image.array), case.cta.geometry)
        for image in (case.territories, case.calcification)
    )
    yield "CTLiver", case.cta, *kept
