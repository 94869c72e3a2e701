"""Real CTs with drawn arteries, labelled by the networks that `calcscore analyze` takes: docs/accuracy.md.

``python -m Testing.bench real --data DIR``; the folder holds ``ctliver``, ``ts_dissection`` and ``ts_example``. Nobody
trains on these and no constant is tuned to one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import ndimage

from CalcScoreLogic.anatomy import CalcificationLabel, Territory, Vessel
from CalcScoreLogic.images.common_grid import check_same_grid
from CalcScoreLogic.images.files import read_ct, read_labels, read_mask, read_territories
from CalcScoreLogic.images.geometry import Array, Image
from CalcScoreLogic.models import Model, Role, find
from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.results import ScoredCase
from CalcScoreLogic.sources import analyze
from CalcScoreLogic.vessels import separate_vessels
from Testing.bench.accuracy import dice

LARGE_PLAQUE_MM3 = 20.0
_CROSS = ndimage.generate_binary_structure(3, 1)
_ANY_NEIGHBOUR = ndimage.generate_binary_structure(3, 3)


@dataclass(frozen=True)
class RealCase:
    """A CT and what was drawn on it.

    Attributes
    ----------
    name : str
        Its folder.
    cta : Image
        HU.
    territories : Image
        Drawn arteries at full length.
    ignore : ndarray of bool, shape (k, j, i)
        Voxels left out of every figure.
    calcification : Image or None
        Drawn plaques, where there are any.
    parts : dict of str to ndarray of bool
        Parts of the drawn aorta that are measured by themselves.
    """

    name: str
    cta: Image
    territories: Image
    ignore: Array
    calcification: Image | None = None
    parts: dict[str, Array] = field(default_factory=dict)


def read_ctliver(folder: Path) -> RealCase:
    """Portal-venous CT with all territories and the plaques drawn."""
    cta = read_ct(folder / "ctliver_aortoiliac_roi_0.7mm.nrrd")
    territories = read_territories(folder / "labels.nii.gz")
    plaques = read_mask(folder / "calcification.nii.gz").array > 0
    ignore = read_mask(folder / "ignore.nii.gz").array > 0
    check_same_grid(cta, territories, "the CT", "its labels")
    labels = Image(drawn_calcification(territories.array, plaques), cta.geometry)
    return RealCase(folder.name, cta, Image(territories.array, cta.geometry), ignore, labels)


def drawn_calcification(territories: Array, plaques: Array) -> Array:
    """Make a calcification map of arteries and a mask of plaques."""
    labels = np.where(territories > 0, CalcificationLabel.ARTERY, 0).astype(np.uint8)
    labels[plaques] = CalcificationLabel.CALCIFICATION
    return labels


def read_dissection(folder: Path) -> RealCase:
    """Chest and upper abdomen with a dissection and a stent graft; aorta and mesenteric arteries are drawn."""
    cta = read_ct(folder / "ct_cropped.nii.gz")
    labels = np.zeros(cta.array.shape, np.uint8)
    for name, territory in (
        ("aorta", Territory.AORTA),
        ("celiac_trunk", Territory.MESENTERIC),
        ("superior_mesenteric_artery", Territory.MESENTERIC),
    ):
        labels[read_mask(folder / f"{name}.nii.gz").array > 0] = territory
    upright = cta.geometry.canonical_view(labels)
    slices = np.nonzero((upright == Territory.AORTA).any((1, 2)))[0]
    lower = np.zeros(labels.shape, bool)
    cta.geometry.canonical_view(lower)[: slices[0] + (slices[-1] - slices[0] + 1) // 3] = True
    no = np.zeros(labels.shape, bool)
    return RealCase(folder.name, cta, Image(labels, cta.geometry), no, parts={"aorta, lower third": lower})


def read_example(folder: Path) -> RealCase:
    """Abdomen without contrast; aorta and common iliac arteries are drawn."""
    cta = read_ct(folder / "example_ct.nii.gz")
    drawn = read_labels(folder / "example_seg_fast_force_split.nii.gz").array
    labels = np.select([drawn == 52, np.isin(drawn, (65, 66))], [Territory.AORTA, Territory.ILIAC], 0).astype(np.uint8)
    return RealCase(folder.name, cta, Image(labels, cta.geometry), np.zeros(labels.shape, bool))


CASES: dict[str, Callable[[Path], RealCase]] = {
    "ctliver": read_ctliver,
    "ts_dissection": read_dissection,
    "ts_example": read_example,
}


@dataclass(frozen=True)
class PlaqueCount:
    """Plaques of a reference and of a result, matched by touch.

    Attributes
    ----------
    large, large_found : int
        Drawn plaques of `LARGE_PLAQUE_MM3` or more, and those of them that were found.
    small, small_found : int
        Drawn plaques below that.
    false : int
        Found plaques that touch no drawn one.
    false_mm3 : float
        Their volume.
    """

    large: int
    large_found: int
    small: int
    small_found: int
    false: int
    false_mm3: float


def count_plaques(found: Array, drawn: Array, ignore: Array, voxel_mm3: float) -> PlaqueCount:
    """Match plaques.

    Parameters
    ----------
    found, drawn : ndarray of bool
        Plaque voxels on one grid.
    ignore : ndarray of bool
        A plaque that touches these voxels is no false one.
    voxel_mm3 : float
        Volume of a voxel, mm³.

    Returns
    -------
    PlaqueCount
        6-connected plaques; one voxel of distance still counts as touch.
    """
    drawn_labels, n_drawn = ndimage.label(drawn, _CROSS)
    touched = np.unique(drawn_labels[ndimage.binary_dilation(found, _ANY_NEIGHBOUR)]) if n_drawn else np.zeros(1, int)
    sizes = np.bincount(drawn_labels.ravel(), minlength=n_drawn + 1)[1:] * voxel_mm3
    hit = np.isin(np.arange(1, n_drawn + 1), touched)
    large = sizes >= LARGE_PLAQUE_MM3
    found_labels, n_found = ndimage.label(found, _CROSS)
    true = np.unique(found_labels[ndimage.binary_dilation(drawn, _ANY_NEIGHBOUR) | ignore])
    false = ~np.isin(np.arange(1, n_found + 1), true)
    found_sizes = np.bincount(found_labels.ravel(), minlength=n_found + 1)[1:] * voxel_mm3
    return PlaqueCount(
        int(large.sum()),
        int((large & hit).sum()),
        int((~large).sum()),
        int((~large & hit).sum()),
        int(false.sum()),
        float(found_sizes[false].sum()),
    )


def overlap_lines(case: RealCase, scored: ScoredCase, drawn: Image) -> list[str]:
    """Tell the Dice of each drawn territory, before and after trimming both sides.

    Parameters
    ----------
    case : RealCase
        What was drawn.
    scored : ScoredCase
        What the networks made of it.
    drawn : Image
        The drawn arteries, trimmed.

    Returns
    -------
    list of str
        Rows of a Markdown table: case, territory, full length, trimmed.
    """
    counted = ~case.ignore
    rows = []
    for territory in Territory:
        before = case.territories.array == territory
        if not before.any():
            continue
        full = dice((scored.territories.array == territory) & counted, before & counted)
        trimmed = dice((scored.shortened.array == territory) & counted, (drawn.array == territory) & counted)
        rows.append(f"| {case.name} | {territory.key} | {full:.2f} | {trimmed:.2f} |")
    for name, part in case.parts.items():
        aorta = [labels.array == Territory.AORTA for labels in (scored.territories, case.territories)]
        rows.append(f"| {case.name} | {name} | {dice(aorta[0] & part, aorta[1] & part):.2f} | |")
    return rows


def branch_lines(case: RealCase, scored: ScoredCase, drawn: Image) -> list[str]:
    """Tell the share of each drawn, trimmed vessel that carries the right label."""
    upright = drawn.canonical()
    vessels, _ = separate_vessels(upright.array, upright.geometry.spacing[::-1])
    found = scored.territories.geometry.canonical_view(scored.territories.array)
    rows = []
    for number, vessel in enumerate(Vessel, start=1):
        own = vessels == number
        if own.any():
            share = float((found[own] == upright.array[own]).mean())
            rows.append(f"| {case.name} | {vessel.value} | {100 * share:.0f} % | {'yes' if share >= 0.5 else 'no'} |")
    return rows


def plaque_lines(case: RealCase, scored: ScoredCase, truth: ScoredCase) -> list[str]:
    """Tell which plaques were found, which are false, and the burden against the drawn one."""
    calcified = CalcificationLabel.CALCIFICATION
    inside = (scored.calcification.array == calcified) & (scored.shortened.array > 0)
    drawn = (truth.calcification.array == calcified) & (truth.shortened.array > 0)
    anywhere = truth.calcification.array == calcified
    voxel = case.cta.geometry.voxel_volume_mm3
    sensitivity = count_plaques(inside, drawn, case.ignore, voxel)
    false = count_plaques(inside, anywhere, case.ignore, voxel)
    outside = inside & ~ndimage.binary_dilation(case.territories.array > 0, _ANY_NEIGHBOUR, 3) & ~case.ignore
    rows = [
        f"{case.name}: plaques of {LARGE_PLAQUE_MM3:g} mm³ and more: {sensitivity.large_found} of {sensitivity.large} "
        f"found; smaller ones: {sensitivity.small_found} of {sensitivity.small}; false plaques: {false.false} "
        f"({false.false_mm3:.0f} mm³); scored more than 3 voxels outside the drawn arteries: "
        f"{np.count_nonzero(outside) * voxel:.0f} mm³"
    ]
    for name, row in truth.result.scores.territories.items():
        other = scored.result.scores.territories[name]
        told = ["–" if value is None else f"{100 * value:.2f} %" for value in (other.burden, row.burden)]
        rows.append(f"{case.name}: burden {name}: {told[0]} found, {told[1]} drawn")
    return rows


def run(data: Path | None) -> None:
    """Print everything about each CT that is there."""
    models: list[Model] = [find(role) for role in Role]
    for model in models:
        print(f"{model.role.value}: {model.name}, {model.trained_on}, SHA-256 {model.fingerprint[:12]}")
    for name, read in CASES.items():
        if data is None or not (data / name).is_dir():
            print(f"{name}: skipped, give the folder that holds it with --data DIR")
            continue
        case = read(data / name)
        scored = analyze(name, case.cta, models)
        artery = Image(np.where(case.territories.array > 0, 1, 0).astype(np.uint8), case.cta.geometry)
        truth = score_masks(name, case.territories, case.calcification or artery, cta=case.cta)
        print("\n| CT | territory | Dice, full length | Dice, trimmed |\n| --- | --- | --- | --- |")
        print("\n".join(overlap_lines(case, scored, truth.shortened)))
        print("\n| CT | vessel, trimmed | labelled right | found |\n| --- | --- | --- | --- |")
        print("\n".join(branch_lines(case, scored, truth.shortened)))
        if case.calcification is not None:
            print("\n" + "\n".join(plaque_lines(case, scored, truth)))
        for warning in scored.result.warnings:
            print(f"{name}: warning: {warning}")
        print(f"{name}: {scored.result.provenance['inference']['seconds']:.0f} s", flush=True)
