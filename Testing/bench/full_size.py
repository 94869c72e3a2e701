"""Networks as large as nnU-Net's default plans make them, with random weights: speed and the part that is run."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from CalcScoreLogic.benchmark.comparison import BenchOptions, run_stock, stock_labels
from CalcScoreLogic.cli.bench import SEED
from CalcScoreLogic.images.coverage import coverage_of
from CalcScoreLogic.images.files import read_calcification, read_territories, write_image
from CalcScoreLogic.images.geometry import Array, Geometry, Image
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.run import InferenceRun
from CalcScoreLogic.inference.worker.openvino_network import has_bfloat16
from CalcScoreLogic.models import Role, check
from CalcScoreLogic.phantom import PhantomParameters, make_phantom
from Testing.logic.model_folders import dataset_json, plans_json, random_network, write

SPACING_MM = (0.78, 0.78, 1.0)
CROP = (180, 220, 220)
"""Voxels along (k, j, i): two tiles of 128 along each axis."""

VOLUME = (300, 512, 512)
STEP_SIZE = 1.0
"""Tiles side by side: the whole volume takes minutes, not an hour."""

ENGINES = ("torch", "openvino")

STAGES, FEATURES = 6, [32, 64, 128, 256, 320, 320]


def run() -> None:
    """Let one fold label a crop with each engine and with stock nnU-Net: the same tiles, whole processes."""
    cta, _ = phantom(CROP)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        write_image(folder / "in" / "case_0000.nii.gz", cta)
        model = check(make_model(folder / "model", Role.TERRITORIES))
        stock = run_stock(folder, model, BenchOptions())
        expected = stock_labels(folder, model).array
        print(f"stock nnU-Net: {stock.seconds:.0f} s", flush=True)
        for engine in (*ENGINES, *(["openvino-bf16"] if has_bfloat16() else [])):
            options = InferenceOptions(mirroring=False, engine=engine)
            seconds, _, found, _ = label(cta, {model.role: model.path}, options)
            same = np.count_nonzero(found == expected) / expected.size
            print(
                f"{engine}: {seconds:.0f} s, {stock.seconds / seconds:.2f} times; {100 * same:.3f} % same", flush=True
            )


def run_region() -> None:
    """Compare calcification around a phantom's arteries with that of the whole volume, voxel by voxel."""
    cta, arteries = phantom(VOLUME)
    with tempfile.TemporaryDirectory() as folder:
        model = {Role.CALCIFICATION: make_model(Path(folder, "model"), Role.CALCIFICATION)}
        part = InferenceOptions(mirroring=False, step_size=STEP_SIZE)
        seconds, (run, every), found, mask = label(cta, model, part, arteries)
        print(f"{run} of {every} tiles in {seconds:.0f} s", flush=True)
        seconds, _, expected, _ = label(cta, model, replace(part, whole_volume=True), arteries)
        looked, differing = np.count_nonzero(mask), np.count_nonzero((found != expected) & mask)
    print(f"the whole volume in {seconds:.0f} s; of {looked} voxels looked at {differing} differ")


def label(
    cta: Image, model: dict[Role, Path], options: InferenceOptions, arteries: Image | None = None
) -> tuple[float, list[int], Array, Array]:
    """Run one model; give seconds, tiles run and tiles of all, the labels, and where they were looked for."""
    (role,) = model
    read = read_territories if role is Role.TERRITORIES else read_calcification
    start = time.perf_counter()
    with InferenceRun(cta, {role.value: model[role]}, options, arteries=arteries) as inference:
        inference.start()
        result = inference.wait()
        seconds = time.perf_counter() - start
        assert inference.folder is not None
        labels = read(inference.folder / result.files[role.value]).array.copy()
    looked = coverage_of({"inference": result.provenance})
    mask = looked.mask() if looked is not None else np.ones(labels.shape, bool)
    return seconds, result.provenance["tiles"][role.value], labels, mask


def phantom(shape: tuple[int, ...]) -> tuple[Image, Image]:
    """Make a phantom with air around it, or cut out its middle; give CTA and territories."""
    made = make_phantom(PhantomParameters(SEED, SPACING_MM))
    geometry = made.cta.geometry
    k, j, i = shape
    grid = Geometry((i, j, k), geometry.spacing, geometry.origin, geometry.direction)
    return fitted(made.cta.array, shape, -1000, grid), fitted(made.territories.array, shape, 0, grid)


def fitted(array: Array, shape: tuple[int, ...], outside: int, grid: Geometry) -> Image:
    """Put the middle of an array into the middle of another."""
    whole = np.full(shape, outside, array.dtype)
    here, there = middles(array.shape, shape)
    whole[there] = array[here]
    return Image(whole, grid)


def middles(shape: tuple[int, ...], other: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Give what the middles of two arrays have in common, in the one and in the other."""
    both = [min(n, m) for n, m in zip(shape, other, strict=True)]
    here, there = (
        tuple(slice((n - b) // 2, (n - b) // 2 + b) for n, b in zip(size, both, strict=True)) for size in (shape, other)
    )
    return here, there


def make_model(folder: Path, role: Role) -> Path:
    """Make a model folder with one fold of random weights."""
    import torch

    dataset, plans = dataset_json(role), standard_plans()
    network = random_network(plans, dataset, SEED)
    (folder / "fold_0").mkdir(parents=True)
    write(folder / "dataset.json", dataset)
    write(folder / "plans.json", plans)
    content = {
        "network_weights": network.state_dict(),
        "init_args": {"plans": plans, "configuration": "3d_fullres", "fold": 0, "dataset_json": dataset},
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1, 2),
    }
    torch.save(content, folder / "fold_0" / "checkpoint_final.pth")
    return folder


def standard_plans() -> dict[str, Any]:
    """Give what nnU-Net's default planner makes of CTAs for a GPU of 8 GB."""
    plans = plans_json()
    plans["transpose_forward"] = plans["transpose_backward"] = [0, 1, 2]
    fullres = plans["configurations"]["3d_fullres"]
    fullres["patch_size"], fullres["spacing"] = [128, 128, 128], list(reversed(SPACING_MM))
    fullres["architecture"]["arch_kwargs"].update(
        n_stages=STAGES,
        features_per_stage=FEATURES,
        kernel_sizes=[[3, 3, 3]] * STAGES,
        strides=[[1, 1, 1], *[[2, 2, 2]] * (STAGES - 1)],
        n_conv_per_stage=[2] * STAGES,
        n_conv_per_stage_decoder=[2] * (STAGES - 1),
    )
    return plans
