"""Patches: the same by the same seed, every label among them, liver on the right."""

from __future__ import annotations

import hashlib
import itertools
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.images.geometry import Array
from CalcScoreLogic.synthesis import CLASSES, Anatomy, patches

SCRIPT = """
import hashlib, pickle, sys
from CalcScoreLogic.synthesis import patches
anatomy = pickle.load(open(sys.argv[1], "rb"))
made = patches([anatomy], sys.argv[2], (7, 3), (20, 24, 28), (4, 3, 3))
for _ in range(2):
    print(hashlib.sha256(b"".join(array.tobytes() for array in next(made))).hexdigest())
"""


def some(stream: Iterator[tuple[Array, Array]], count: int) -> list[tuple[Array, Array]]:
    return list(itertools.islice(stream, count))


@pytest.mark.parametrize("role", CLASSES)
def test_a_seed_gives_the_same_patches_in_another_process(anatomy: Anatomy, tmp_path: Path, role: str) -> None:
    (tmp_path / "anatomy").write_bytes(pickle.dumps(anatomy))
    here = some(patches([anatomy], role, (7, 3), (20, 24, 28), (4, 3, 3)), 2)
    there = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "anatomy"), role], capture_output=True, text=True, check=True
    )
    hashes = [hashlib.sha256(image.tobytes() + labels.tobytes()).hexdigest() for image, labels in here]
    assert there.stdout.split() == hashes
    assert hashes[0] != hashes[1]


def test_every_label_is_among_the_patches(anatomy: Anatomy) -> None:
    for role, names in CLASSES.items():
        seen: set[int] = set()
        for image, labels in some(patches([anatomy], role, 5, (40, 48, 48), 4), 24):
            assert image.dtype == np.float32
            assert labels.dtype == np.uint8
            assert image.shape == labels.shape == (40, 48, 48)
            assert -1024 <= image.min() <= image.max() <= 3071
            seen |= set(np.unique(labels).tolist())
        assert seen == set(range(len(names)))


def test_no_body_is_mirrored(anatomy: Anatomy) -> None:
    liver, spleen = (CLASSES["territories"].index(name) for name in ("liver", "spleen"))
    compared = 0
    for _, labels in some(patches([anatomy], "territories", 2, (48, 40, 48), 7), 12):
        if (labels == liver).sum() > 30 and (labels == spleen).sum() > 30:
            assert np.nonzero(labels == liver)[2].mean() < np.nonzero(labels == spleen)[2].mean()
            compared += 1
    assert compared >= 4


def test_an_unknown_role_is_refused(anatomy: Anatomy) -> None:
    with pytest.raises(ValueError, match="must be one of territories, calcification"):
        next(patches([anatomy], "veins", 0, (8, 8, 8), 4))
