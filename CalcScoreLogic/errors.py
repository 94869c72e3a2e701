"""The errors that a user is meant to read."""

from __future__ import annotations


class CalcScoreError(Exception):
    """A run failed. The message is one sentence for the user (command line exit code 1)."""


class InputError(CalcScoreError):
    """An input cannot be used. The message names it, says what was found and what to do (exit code 2)."""
