"""Full, standard and quick."""

from __future__ import annotations

from pathlib import Path

import pytest

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.profiles import Profile, in_words, profile_of
from CalcScoreLogic.models import Model, Role


def model(*folds: int) -> Model:
    """A model of which only the folds count."""
    return Model(Path(), Role.TERRITORIES, "m", folds, (), "", {}, (1.0, 1.0, 1.0), (8, 8, 8), "", (), 0)


FIVE = model(0, 1, 2, 3, 4)


def test_full_is_what_the_options_are_without_a_word() -> None:
    assert Profile.FULL.options() == InferenceOptions()
    assert Profile.FULL.options([FIVE], "cpu", 3) == InferenceOptions(device="cpu", threads=3)


def test_standard_and_quick() -> None:
    assert Profile.STANDARD.options([FIVE]) == InferenceOptions(mirroring=False)
    quick = InferenceOptions((0,), mirroring=False, step_size=0.75)
    assert Profile.QUICK.options() == Profile.QUICK.options([FIVE, model(0)]) == quick


def test_quick_takes_the_first_fold_that_all_have() -> None:
    assert Profile.QUICK.options([FIVE, model(3, 2)]).folds == (2,)
    with pytest.raises(InputError, match=r"m has 1, 2 and m has 3.*choose another"):
        Profile.QUICK.options([model(1, 2), model(3)])


@pytest.mark.parametrize("profile", list(Profile))
def test_a_profile_is_known_by_its_options(profile: Profile) -> None:
    models = [model(1, 2), FIVE]
    assert profile_of(profile.options(models, "cpu", 2), models) is profile


def test_options_of_their_own_are_no_profile() -> None:
    assert profile_of(InferenceOptions(folds=(0,)), [FIVE]) is None
    assert profile_of(InferenceOptions((0,), mirroring=False, step_size=0.75), [model(1)]) is None
    assert profile_of(InferenceOptions(step_size=0.6), [FIVE]) is None
    # Where quick cannot be, the others can.
    assert profile_of(InferenceOptions(mirroring=False), [model(1), model(2)]) is Profile.STANDARD


@pytest.mark.parametrize(
    ("options", "models", "words"),
    [
        (InferenceOptions(), [FIVE, FIVE], "full: five folds, mirrored copies"),
        (InferenceOptions(mirroring=False), [FIVE, model(0)], "standard: one and five folds"),
        (Profile.QUICK.options(), [FIVE], "quick: one fold, tile step 0.75"),
        (InferenceOptions((0, 2)), [FIVE], "two folds, mirrored copies"),
        (InferenceOptions(mirroring=False), [model(*range(7))], "standard: 7 folds"),
    ],
)
def test_words(options: InferenceOptions, models: list[Model], words: str) -> None:
    assert in_words(options, models) == words


def test_each_has_a_title_and_one_sentence() -> None:
    assert [profile.title for profile in Profile] == ["Full", "Standard", "Quick"]
    for profile in Profile:
        assert profile.description.endswith(".")
        assert profile.description.count(".") == 1
