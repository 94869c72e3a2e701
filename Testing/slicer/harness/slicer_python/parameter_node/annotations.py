"""Annotations of parameters: defaults, limits, steps."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class Validator(abc.ABC):
    """Refuses values with ValueError."""

    @abc.abstractmethod
    def validate(self, value: Any) -> None:
        """Raise ValueError for a value that is not allowed."""


@dataclass
class Minimum(Validator):
    """At least this."""

    minimum: float

    def validate(self, value: Any) -> None:
        if value < self.minimum:
            raise ValueError(f"{value} is below the minimum {self.minimum}")


@dataclass
class Maximum(Validator):
    """At most this."""

    maximum: float

    def validate(self, value: Any) -> None:
        if value > self.maximum:
            raise ValueError(f"{value} is above the maximum {self.maximum}")


@dataclass
class WithinRange(Validator):
    """Between these, ends included."""

    minimum: float
    maximum: float

    def validate(self, value: Any) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{value} is outside [{self.minimum}, {self.maximum}]")


@dataclass
class Choice(Validator):
    """One of these."""

    choices: Sequence[Any]

    def validate(self, value: Any) -> None:
        if value not in self.choices:
            raise ValueError(f"{value!r} is none of {self.choices}")


@dataclass
class Exclude(Validator):
    """None of these."""

    excludedValues: Sequence[Any]  # noqa: N815 - name is Slicer's

    def validate(self, value: Any) -> None:
        if value in self.excludedValues:
            raise ValueError(f"{value!r} is not allowed")


@dataclass
class Default:
    """The value of a parameter that was never set."""

    value: Any


@dataclass
class Decimals:
    """Digits after the point in the widget."""

    value: int


@dataclass
class SingleStep:
    """Step of the widget."""

    value: float
