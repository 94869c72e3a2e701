"""Training cases that come from nowhere: phantoms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ..atomic import atomic_folder
from ..phantom import PhantomParameters, make_phantom
from ..report.case_folder import write_phantom

FIRST_SEED = 100_000
"""Seed of the first training phantom; phantoms for tests have other seeds."""


def phantom_spacings(count: int) -> dict[int, float]:
    """Choose the training phantoms.

    Parameters
    ----------
    count : int
        How many.

    Returns
    -------
    dict of int to float
        Isotropic voxel spacing (mm) by seed: two thirds at 1.5, one third at 1.
    """
    coarse = round(count * 2 / 3)
    return {FIRST_SEED + n: 1.5 if n < coarse else 1.0 for n in range(count)}


def describe_phantoms(count: int) -> str:
    """Say what a model that learned from `phantom_spacings` was trained on."""
    spacings = phantom_spacings(count)
    told = " and ".join(f"{spacing:g}" for spacing in sorted(set(spacings.values())))
    return f"{count} synthetic phantoms (seeds {min(spacings)} to {max(spacings)}, spacing {told} mm)"


def make_cases(folder: Path, spacings: Mapping[int, float], tell: Callable[[str], None] = lambda _: None) -> None:
    """Make a case folder of each phantom; one that is there is kept.

    Parameters
    ----------
    folder : Path
        Gets the case folders.
    spacings : mapping of int to float
        Isotropic voxel spacing (mm) by seed.
    tell : callable
        Called with a few words before each phantom.

    Raises
    ------
    InputError
        A spacing that phantoms cannot have.
    CalcScoreError
        A file could not be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, (seed, spacing) in enumerate(spacings.items(), start=1):
        target = folder / f"case_{seed}"
        if target.is_dir():
            continue
        tell(f"making phantom {number} of {len(spacings)}")
        phantom = make_phantom(PhantomParameters(seed, (spacing, spacing, spacing)))
        with atomic_folder(target) as part:
            write_phantom(part, phantom)
