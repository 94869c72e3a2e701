"""Where models lie."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_STARTER_MODELS = Path("Resources", "StarterModels")


def user_models_folder() -> Path:
    """Give the folder of the user's models, in the platform's data directory; it may not be there yet."""
    from platformdirs import user_data_path

    return user_data_path("CalcScore", appauthor=False) / "models"


def starter_models_folder() -> Path | None:
    """Find the models that come with CalcScore: beside the package in a checkout, else inside it."""
    for parent in (_PACKAGE.parent, _PACKAGE):
        if (parent / _STARTER_MODELS).is_dir():
            return parent / _STARTER_MODELS
    return None
