"""Three ways to run the ensembles, from the most exact to the fastest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

from ..errors import InputError
from ..models import Model
from .options import InferenceOptions

_COUNTS = ("no", "one", "two", "three", "four", "five")


class Profile(Enum):
    """How much is done for the exactness of the labels."""

    FULL = "full"
    STANDARD = "standard"
    QUICK = "quick"

    @property
    def title(self) -> str:
        """Name for readers."""
        return _TITLES[self]

    @property
    def description(self) -> str:
        """What it does and what for, one sentence."""
        return _DESCRIPTIONS[self]

    def options(
        self, models: Sequence[Model] = (), device: str = "auto", threads: int | None = None
    ) -> InferenceOptions:
        """Give how the networks are run.

        Parameters
        ----------
        models : sequence of Model
            The ensembles; `QUICK` takes the first fold that all of them have.
        device, threads
            See `InferenceOptions`.

        Returns
        -------
        InferenceOptions
            Folds, mirroring and step size of the profile.

        Raises
        ------
        InputError
            The ensembles have no fold in common.
        """
        options = InferenceOptions(device=device, threads=threads)
        if self is Profile.FULL:
            return options
        options = replace(options, mirroring=False)
        return options if self is Profile.STANDARD else replace(options, folds=_first_fold(models), step_size=0.75)


_TITLES = {Profile.FULL: "Full", Profile.STANDARD: "Standard", Profile.QUICK: "Quick"}
_DESCRIPTIONS = {
    Profile.FULL: "All networks of each ensemble look at every place and at its mirrored copies, as in the paper.",
    Profile.STANDARD: "All networks of each ensemble look at every place once: up to 8 times faster, less exact.",
    Profile.QUICK: "One network of each ensemble has a coarse look: for a first impression, not for a result.",
}


def profile_of(options: InferenceOptions, models: Sequence[Model] = ()) -> Profile | None:
    """Tell which profile some options are.

    Parameters
    ----------
    options : InferenceOptions
        How the networks are run; device, threads and the part of the volume do not count.
    models : sequence of Model
        The ensembles.

    Returns
    -------
    Profile or None
        None for options of their own.
    """
    for profile in Profile:
        try:
            same = profile.options(models)
        except InputError:
            continue
        if (options.folds, options.mirroring, options.step_size) == (same.folds, same.mirroring, same.step_size):
            return profile
    return None


def in_words(options: InferenceOptions, models: Sequence[Model]) -> str:
    """Say how the networks are run.

    Parameters
    ----------
    options : InferenceOptions
        How they are run.
    models : sequence of Model
        The ensembles, one at least.

    Returns
    -------
    str
        E.g. ``"full: five folds, mirrored copies"``; without a name where it is no profile.
    """
    counts = sorted({len(options.folds_of(model)) for model in models})
    folds = " and ".join(_COUNTS[count] if count < len(_COUNTS) else str(count) for count in counts)
    parts = [f"{folds} fold{'s' if counts[-1] > 1 else ''}"]
    if options.mirroring:
        parts.append("mirrored copies")
    if options.step_size != InferenceOptions.step_size:
        parts.append(f"tile step {options.step_size:g}")
    profile = profile_of(options, models)
    return f"{profile.value}: {', '.join(parts)}" if profile else ", ".join(parts)


def _first_fold(models: Sequence[Model]) -> tuple[int, ...]:
    """Give the first fold that all models have; 0 where none are given."""
    shared = set.intersection(*(set(model.folds) for model in models)) if models else {0}
    if not shared:
        told = " and ".join(f"{model.name} has {', '.join(map(str, model.folds))}" for model in models)
        raise InputError(f"the networks have no fold in common ({told}), choose another quality")
    return (min(shared),)
