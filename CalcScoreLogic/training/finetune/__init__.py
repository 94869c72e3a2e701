"""Fine-tuning: ensembles that are there learn on from labelled cases, with their own plans and labels."""

from .base import Base, bases_of
from .recipe import fine_tuning

__all__ = ["Base", "bases_of", "fine_tuning"]
