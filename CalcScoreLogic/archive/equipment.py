"""What both objects say of the program that made them, and how their text is written."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..anatomy import PRIVATE_SCHEME
from ..errors import CalcScoreError, InputError
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
    """Name the networks that labelled a case, with the beginning of their fingerprints, by role."""
    models = provenance.get("models") or {}
    return {role: f"{model['name']} sha256:{model['sha256']}" for role, model in models.items()}


@contextmanager
def plain_errors(what: str) -> Iterator[None]:
    """Turn what highdicom and pydicom raise into one sentence, and keep their warnings in: they quote the patient.

    Parameters
    ----------
    what : str
        What the message names.

    Raises
    ------
    InputError
        A header holds what a valid object cannot take over.
    """
    loggers = [logging.getLogger(name) for name in ("pydicom", "highdicom")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except CalcScoreError:
        raise
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        problem = "the DICOM objects cannot be made, a header of the CTA holds what the standard does not allow"
        # The cause quotes the header.
        raise InputError(f"{what}: {problem} ({type(error).__name__}); leave out --dicom") from None
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
