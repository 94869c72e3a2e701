"""What both objects say of the program that made them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..anatomy import PRIVATE_SCHEME
from ..version import __version__

NAME = "CalcScore"
UTF_8 = "ISO_IR 192"
"""Character set of both objects, whatever that of the CTA is: names are converted."""


def equipment() -> dict[str, Any]:
    """Give the arguments that every object of highdicom takes."""
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    return {
        "manufacturer": NAME,
        "manufacturer_model_name": NAME,
        "software_versions": __version__,
        "device_serial_number": __version__,
        "specific_character_set": UTF_8,
        "coding_schemes": [CodingSchemeIdentificationItem(PRIVATE_SCHEME, name="CalcScore, docs/dicom.md")],
    }


def networks_of(provenance: Mapping[str, Any]) -> dict[str, str]:
    """Name the networks that labelled a case, with their fingerprints, by role."""
    models = provenance.get("models") or {}
    return {role: f"{model['name']} sha256:{model['sha256']}" for role, model in models.items()}
