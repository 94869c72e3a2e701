"""Cohorts of phantoms for the benchmarks."""

from __future__ import annotations

from pathlib import Path

from tqdm import tqdm

from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.phantom import PhantomParameters, make_phantom

SEED = 200000


def write_phantoms(folder: Path, count: int, spacing_mm: tuple[float, float, float]) -> Path:
    """Write the CTA of each phantom into a folder of its own; phantoms that are there stay."""
    for seed in tqdm(range(SEED, SEED + count), desc="phantoms", leave=False):
        file = folder / f"case_{seed}" / "cta.nii.gz"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            write_image(file, make_phantom(PhantomParameters(seed, spacing_mm)).cta)
    return folder
