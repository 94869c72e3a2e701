"""What the labels of an anatomy's file mean, told from their names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..case_files import without_ending
from ..csv_files import table_text
from ..errors import InputError
from .tissues import RULES, Tissue

_VESSELS = (
    ("common_hepatic_artery", "hepatic"),
    ("hepatic_artery", None),
    ("splenic_artery", "splenic"),
    ("left_gastric_artery", "left_gastric"),
    ("gastroduodenal_artery", None),
    ("celiac_trunk", "coeliac"),
    ("coeliac_trunk", "coeliac"),
    ("superior_mesenteric_artery", "superior_mesenteric"),
    ("inferior_mesenteric_artery", "inferior_mesenteric"),
    ("renal_artery", "renal"),
    ("external_iliac_artery", "external_iliac"),
    ("internal_iliac_artery", "internal_iliac"),
    ("iliac_artery", "common_iliac"),
    ("epigastric_artery", None),
    ("aorta", "aorta"),
)
_PAIRED = ("renal", "external_iliac", "internal_iliac", "common_iliac")
_VEINS = (
    (("portal", "mesenteric_vein", "splenic_vein"), Tissue.PORTAL_VEIN),
    (("renal_vein", "hepatic_vein"), Tissue.UPPER_VEIN),
    (("vena_cava", "iliac_vein", "iliac_vena"), Tissue.LOWER_VEIN),
)


_TOTALSEGMENTATOR = """
spleen kidney_right kidney_left gallbladder liver stomach pancreas adrenal_gland_right adrenal_gland_left
lung_upper_lobe_left lung_lower_lobe_left lung_upper_lobe_right lung_middle_lobe_right lung_lower_lobe_right
esophagus trachea thyroid_gland small_bowel duodenum colon urinary_bladder prostate kidney_cyst_left
kidney_cyst_right sacrum vertebrae_S1 vertebrae_L5 vertebrae_L4 vertebrae_L3 vertebrae_L2 vertebrae_L1
vertebrae_T12 vertebrae_T11 vertebrae_T10 vertebrae_T9 vertebrae_T8 vertebrae_T7 vertebrae_T6 vertebrae_T5
vertebrae_T4 vertebrae_T3 vertebrae_T2 vertebrae_T1 vertebrae_C7 vertebrae_C6 vertebrae_C5 vertebrae_C4
vertebrae_C3 vertebrae_C2 vertebrae_C1 heart aorta pulmonary_vein brachiocephalic_trunk subclavian_artery_right
subclavian_artery_left common_carotid_artery_right common_carotid_artery_left brachiocephalic_vein_left
brachiocephalic_vein_right atrial_appendage_left superior_vena_cava inferior_vena_cava
portal_vein_and_splenic_vein iliac_artery_left iliac_artery_right iliac_vena_left iliac_vena_right humerus_left
humerus_right scapula_left scapula_right clavicula_left clavicula_right femur_left femur_right hip_left hip_right
spinal_cord gluteus_maximus_left gluteus_maximus_right gluteus_medius_left gluteus_medius_right
gluteus_minimus_left gluteus_minimus_right autochthon_left autochthon_right iliopsoas_left iliopsoas_right brain
skull rib_left_1 rib_left_2 rib_left_3 rib_left_4 rib_left_5 rib_left_6 rib_left_7 rib_left_8 rib_left_9
rib_left_10 rib_left_11 rib_left_12 rib_right_1 rib_right_2 rib_right_3 rib_right_4 rib_right_5 rib_right_6
rib_right_7 rib_right_8 rib_right_9 rib_right_10 rib_right_11 rib_right_12 sternum costal_cartilages
"""
# Names of TotalSegmentator's task `total` (version 2), in the order of their values from 1 on.


@dataclass(frozen=True)
class Meaning:
    """What one label is: a tissue, or an artery by its name (e.g. ``"renal_left"``); neither is left out."""

    tissue: Tissue | None = None
    artery: str | None = None


def meaning_of(name: str) -> Meaning:
    """Tell what a label is from its name.

    Parameters
    ----------
    name : str
        E.g. ``"Left kidney"``, ``"iliac_artery_right"``, ``"vertebrae_L3"``.

    Returns
    -------
    Meaning
        Without tissue and artery where the name says nothing that is drawn.
    """
    plain = re.sub(r"[\s\-]+", "_", name.strip().casefold())
    for words, artery in _VESSELS:
        if words in plain:
            side = "left" if "left" in plain.removeprefix("left_gastric") else "right"
            return Meaning(artery=f"{artery}_{side}" if artery in _PAIRED else artery)
    for parts, tissue in (*_VEINS, *RULES):
        if any(part in plain for part in parts):
            return Meaning(tissue=tissue)
    return Meaning()


def read_names(path: Path) -> dict[int, str]:
    """Read the names of the labels from the table beside a label map.

    Parameters
    ----------
    path : Path
        The label map. Its table is ``NAME.csv`` (lines ``value,name``) beside it, or the only colour table of
        3D Slicer (``.ctbl``) in its folder.

    Returns
    -------
    dict of int to str
        TotalSegmentator's own names where there is no table.

    Raises
    ------
    InputError
        A line of the table cannot be read.
    """
    stem = without_ending(path)
    table = path.with_name(f"{stem}.csv")
    if table.exists():
        return _parse(table, re.compile(r"\s*(\d+)\s*[,;]\s*\"?([^,;\"]+)"))
    colours = sorted(path.parent.glob("*.ctbl"))
    if len(colours) == 1:
        return _parse(colours[0], re.compile(r"(\d+)\s+(\S+)"))
    return dict(enumerate(_TOTALSEGMENTATOR.split(), 1))


def _parse(table: Path, line_of: re.Pattern[str]) -> dict[int, str]:
    names: dict[int, str] = {}
    for number, line in enumerate(table_text(table).splitlines(), 1):
        match = line_of.match(line)
        if match:
            value, name = int(match[1]), match[2].strip()
            if names.setdefault(value, name) != name:
                raise InputError(f"{table}: line {number} gives {value} another name, keep one of its lines")
        elif line.strip() and not line.startswith("#") and number > 1:
            raise InputError(f"{table}: line {number} is {line!r}, it must be a label value and a name")
    if not names:
        raise InputError(f"{table}: it names no label, give lines of a label value and a name")
    return names
