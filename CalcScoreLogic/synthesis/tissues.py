"""What a synthetic body is made of, and the label that each tissue has in a training case."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from ..anatomy import CalcificationLabel, Territory
from .fields import among

CLASSES: dict[str, tuple[str, ...]] = {
    "territories": (
        "background",
        *(territory.key for territory in Territory),
        "other artery",
        "systemic vein",
        "portal vein",
        "bone",
        "kidney",
        "liver",
        "spleen",
        "stomach and bowel",
        "muscle",
        "heart",
    ),
    "calcification": ("background", *(label.key for label in CalcificationLabel)),
}
"""Names of the labels of each role; the value of a label is its position."""


class Tissue(IntEnum):
    """Materials of the label field of a body. Arteries and what fills them are drawn apart, as geometry."""

    AIR = 0
    FAT = 1
    LUNG = 2
    MUSCLE = 3
    LIVER = 4
    SPLEEN = 5
    PANCREAS = 6
    GALLBLADDER = 7
    KIDNEY_CORTEX = 8
    KIDNEY_MEDULLA = 9
    RENAL_PELVIS = 10
    ADRENAL = 11
    STOMACH_WALL = 12
    STOMACH_CONTENT = 13
    BOWEL_WALL = 14
    BOWEL_FLUID = 15
    GAS = 16
    BOWEL_CONTENT = 17
    LOWER_VEIN = 18
    UPPER_VEIN = 19
    PORTAL_VEIN = 20
    VERTEBRA_CORTEX = 21
    VERTEBRA_MARROW = 22
    DISC = 23
    BONE_CORTEX = 24
    BONE_MARROW = 25
    SPINAL_CANAL = 26
    MYOCARDIUM = 27
    LEFT_HEART = 28
    RIGHT_HEART = 29
    OESOPHAGUS = 30
    SKIN = 31
    SMALL_ARTERY = 32
    SMALL_VEIN = 33
    NODE = 34
    CALCIUM = 35
    TABLE = 36
    METAL = 37
    BLADDER_WALL = 38
    URINE = 39
    PELVIC_ORGAN = 40
    CRUS = 41
    LESION = 42
    AIRWAY = 43
    SUPERIOR_CAVA = 44


def _classes() -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    names = {
        "other artery": (Tissue.SMALL_ARTERY,),
        "systemic vein": (Tissue.LOWER_VEIN, Tissue.UPPER_VEIN, Tissue.SUPERIOR_CAVA),
        "portal vein": (Tissue.PORTAL_VEIN,),
        "bone": (
            Tissue.VERTEBRA_CORTEX,
            Tissue.VERTEBRA_MARROW,
            Tissue.BONE_CORTEX,
            Tissue.BONE_MARROW,
        ),
        "kidney": (Tissue.KIDNEY_CORTEX, Tissue.KIDNEY_MEDULLA),
        "liver": (Tissue.LIVER,),
        "spleen": (Tissue.SPLEEN,),
        "stomach and bowel": (
            Tissue.STOMACH_WALL,
            Tissue.STOMACH_CONTENT,
            Tissue.BOWEL_WALL,
            Tissue.BOWEL_FLUID,
            Tissue.GAS,
            Tissue.BOWEL_CONTENT,
        ),
        "muscle": (Tissue.MUSCLE, Tissue.CRUS),
        "heart": (Tissue.MYOCARDIUM, Tissue.LEFT_HEART, Tissue.RIGHT_HEART),
    }
    values = np.zeros(256, np.uint8)
    for name, tissues in names.items():
        values[list(tissues)] = CLASSES["territories"].index(name)
    return values


TERRITORY_CLASS = _classes()
"""Value in a territory map of each tissue, shape (256,), uint8."""

HARD = among(Tissue.VERTEBRA_CORTEX, Tissue.VERTEBRA_MARROW, Tissue.DISC, Tissue.BONE_CORTEX, Tissue.BONE_MARROW)
"""Tissues that no soft thing is drawn into, shape (256,)."""

RULES: tuple[tuple[tuple[str, ...], Tissue], ...] = (
    (("intervertebral", "disc"), Tissue.DISC),
    (("renal_pelvis", "ureter"), Tissue.RENAL_PELVIS),
    (("sacrum", "vertebra", "lumbar", "thoracic", "cervical"), Tissue.VERTEBRA_MARROW),
    (("rib", "pelvis", "bone", "hip", "femur", "sternum", "scapula", "clavicula", "humerus", "coccyx", "costal"),
     Tissue.BONE_MARROW),
    (("spinal",), Tissue.SPINAL_CANAL),
    (("muscle", "iliopsoas", "gluteus", "autochthon"), Tissue.MUSCLE),
    (("gallbladder",), Tissue.GALLBLADDER),
    (("urinary_bladder",), Tissue.URINE),
    (("prostate", "uterus"), Tissue.PELVIC_ORGAN),
    (("adrenal",), Tissue.ADRENAL),
    (("kidney",), Tissue.KIDNEY_CORTEX),
    (("liver",), Tissue.LIVER),
    (("spleen",), Tissue.SPLEEN),
    (("pancreas",), Tissue.PANCREAS),
    (("oesophagus", "esophagus"), Tissue.OESOPHAGUS),
    (("stomach",), Tissue.STOMACH_WALL),
    (("colon", "bowel", "duodenum", "ileum"), Tissue.BOWEL_WALL),
    (("trachea",), Tissue.AIRWAY),
    (("lung",), Tissue.LUNG),
    (("atrium_right", "ventricle_right"), Tissue.RIGHT_HEART),
    (("myocardium",), Tissue.MYOCARDIUM),
    (("heart", "atrium", "ventricle", "atrial_appendage"), Tissue.LEFT_HEART),
    (("skin",), Tissue.SKIN),
)  # fmt: skip
"""Parts of a label's name, and the tissue that it then is; the first that fits counts."""
