"""Tissues that vary: stones where stones are, bone and air where they were."""

from __future__ import annotations

import numpy as np

from CalcScoreLogic.synthesis import Anatomy
from CalcScoreLogic.synthesis.implants import draw_implants
from CalcScoreLogic.synthesis.soft_parts import draw_soft_parts
from CalcScoreLogic.synthesis.tissues import HARD, Tissue


def test_implants_lie_where_they_belong(anatomy: Anatomy) -> None:
    plain = draw_soft_parts(np.random.default_rng(0), anatomy)
    homes = {
        Tissue.LESION: {Tissue.KIDNEY_CORTEX, Tissue.KIDNEY_MEDULLA, Tissue.FAT},
        Tissue.CALCIUM: {Tissue.KIDNEY_CORTEX, Tissue.KIDNEY_MEDULLA, Tissue.FAT, Tissue.GALLBLADDER, Tissue.OESOPHAGUS,
                         Tissue.LESION},
        Tissue.METAL: {Tissue.VERTEBRA_CORTEX, Tissue.VERTEBRA_MARROW, Tissue.FAT, Tissue.MUSCLE, Tissue.SKIN,
                       Tissue.AIR, Tissue.TABLE, Tissue.CALCIUM},
    }  # fmt: skip
    found: dict[Tissue, int] = dict.fromkeys(homes, 0)
    for seed in range(60):
        field = plain.copy()
        draw_implants(np.random.default_rng(seed), field)
        for tissue, home in homes.items():
            new = (field == tissue) & (plain != tissue)
            assert set(np.unique(plain[new]).tolist()) <= home
            found[tissue] += int(new.any())
    assert all(0 < count < 60 for count in found.values())


def test_bodies_differ_in_fat_and_filling_but_not_in_bone(anatomy: Anatomy) -> None:
    first, second = (draw_soft_parts(np.random.default_rng([seed, 4]), anatomy) for seed in (1, 2))
    bone = HARD[anatomy.tissues]
    for field in (first, second):
        assert HARD[field][bone].mean() > 0.995  # screws in the spine of some
        outside = anatomy.outside > 250
        assert not np.isin(field[outside], (Tissue.FAT, Tissue.SKIN)).any()
        assert (field[:, 0] == Tissue.AIR).all()
        assert (field[:, :, -1] == Tissue.AIR).all()
    fat = [int((field == Tissue.FAT).sum()) for field in (first, second)]
    assert abs(fat[0] - fat[1]) > 0.01 * fat[0]
