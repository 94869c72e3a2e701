"""The command line writes its choices out, so that its help needs no heavy imports; they are the library's."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from CalcScoreLogic.cli import build_parser
from CalcScoreLogic.inference.options import DEVICES, ENGINES
from CalcScoreLogic.inference.profiles import Profile
from CalcScoreLogic.models import Role
from CalcScoreLogic.shortening import ShorteningMethod
from CalcScoreLogic.thresholding import ThresholdMethod


@pytest.mark.parametrize(
    ("command", "option", "known"),
    [
        ("analyze", "--device", DEVICES),
        ("analyze", "--engine", ENGINES),
        ("analyze", "--profile", [profile.value for profile in Profile]),
        ("analyze", "--method", [method.value for method in ShorteningMethod]),
        ("threshold", "--method", [method.value for method in ThresholdMethod]),
        ("train", "--role", [role.value for role in Role]),
    ],
)
def test_choices_are_all_that_the_library_knows(command: str, option: str, known: Iterable[str]) -> None:
    (commands,) = (action for action in build_parser()._actions if action.dest == "command")
    (found,) = (action for action in commands.choices[command]._actions if option in action.option_strings)
    assert set(found.choices) == set(known)
