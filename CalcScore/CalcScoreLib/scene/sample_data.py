"""The synthetic case as one of Slicer's sample data; light, for it is looked at whenever Slicer starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SAMPLE_NAME = "Synthetic CTA with calcified arteries"

_THUMBNAIL = Path(__file__).resolve().parents[2] / "Resources" / "Icons" / "SyntheticCTA.png"


def register() -> None:
    """Put the synthetic case into Sample Data, where that module is."""
    try:
        import SampleData
    except ImportError:
        return
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="CalcScore",
        sampleName=SAMPLE_NAME,
        thumbnailFileName=str(_THUMBNAIL),
        # Nothing is downloaded, but each address needs a file name and both are counted.
        uris=[],
        fileNames=[],
        customDownloader=_load,
    )


def _load(source: Any) -> Any:
    from .sample import load_sample

    return load_sample()
