"""A branch that was missed: grown along the bright lumen between two clicks."""

from .growing import Branch, grow_branch

__all__ = ["Branch", "grow_branch"]
