"""CalcScore: arterial calcification of the abdominal aorta and its branches on contrast CT angiography.

Research software, not a medical device. The package imports nothing of Slicer, Qt or VTK; heavy
libraries are imported where they are used, so that ``import CalcScoreLogic`` costs nothing: the names
below are looked up when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .errors import CalcScoreError, InputError
    from .images.files import read_calcification, read_ct, read_image, read_labels, read_territories, write_label_map
    from .images.geometry import Geometry, Image
    from .models import find as find_model
    from .pipeline import CaseParameters, score_masks
    from .rescoring import rescore
    from .results import CaseResult, ScoredCase
    from .scoring import Scores, score
    from .shortening import ShorteningParameters, shorten
    from .sources import analyze
    from .thresholding import ThresholdMethod, threshold

_PUBLIC = {
    "CalcScoreError": "errors",
    "InputError": "errors",
    "read_calcification": "images.files",
    "read_ct": "images.files",
    "read_image": "images.files",
    "read_labels": "images.files",
    "read_territories": "images.files",
    "write_label_map": "images.files",
    "Geometry": "images.geometry",
    "Image": "images.geometry",
    "find_model": "models:find",
    "CaseParameters": "pipeline",
    "analyze": "sources",
    "score_masks": "pipeline",
    "rescore": "rescoring",
    "CaseResult": "results",
    "ScoredCase": "results",
    "Scores": "scoring",
    "score": "scoring",
    "ShorteningParameters": "shortening",
    "shorten": "shortening",
    "ThresholdMethod": "thresholding",
    "threshold": "thresholding",
}
"""Where each public name lives; after a colon, what it is called there."""

__all__ = [
    "CalcScoreError",
    "CaseParameters",
    "CaseResult",
    "Geometry",
    "Image",
    "InputError",
    "ScoredCase",
    "Scores",
    "ShorteningParameters",
    "ThresholdMethod",
    "__version__",
    "analyze",
    "find_model",
    "read_calcification",
    "read_ct",
    "read_image",
    "read_labels",
    "read_territories",
    "rescore",
    "score",
    "score_masks",
    "shorten",
    "threshold",
    "write_label_map",
]


def __getattr__(name: str) -> Any:
    """Give a public name, importing its module now."""
    try:
        module, _, other = _PUBLIC[name].partition(":")
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(f".{module}", __name__), other or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
