"""What the segments of a case held when they were made and when they were scored; kept in the saved scene."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.rescoring import Edits

from . import structures
from .masks import CaseMasks

_ATTRIBUTE = "CalcScore.Fingerprints"


@dataclass
class Fingerprints:
    """Fingerprints of masks by the keys of `structures`.

    Attributes
    ----------
    made : dict of str to str
        When the segments were made without a hand in it.
    scored : dict of str to str
        When they were last scored; full-length arteries: when they were last trimmed.
    calcified, full_calcified : dict of str to str
        Calcification inside each trimmed and full-length artery when it was made, by territory.
    resting : list of str
        Territories that were trimmed from edited arteries or hold edited calcification.
    """

    made: dict[str, str] = field(default_factory=dict)
    scored: dict[str, str] = field(default_factory=dict)
    calcified: dict[str, str] = field(default_factory=dict)
    full_calcified: dict[str, str] = field(default_factory=dict)
    resting: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, node: Any) -> Fingerprints:
        """Read them from the record; none where it has none."""
        text = node.GetAttribute(_ATTRIBUTE)
        # Scenes of earlier versions hold more.
        return cls(**{key: value for key, value in json.loads(text or "{}").items() if key in cls.__dataclass_fields__})

    def keep(self, node: Any) -> None:
        """Write them to the record."""
        node.SetAttribute(_ATTRIBUTE, json.dumps(self.__dict__, separators=(",", ":")))

    def start(self, masks: CaseMasks) -> None:
        """Note what the networks, or another source, made."""
        self.made = self.scored = prints_of(masks)
        self.calcified = _by_name(masks.calcified(masks.trimmed))
        self.full_calcified = _by_name(masks.calcified(masks.full))
        self.resting = []

    def trimmed(self, masks: CaseMasks) -> None:
        """Note new trimmed arteries, and which of them rest on edits."""
        now = prints_of(masks)
        self.resting = [territory.key for territory in self._resting(masks)]
        self.made = {**self.made, **{key: now[key] for key in structures.TERRITORY_KEYS}}
        self.calcified = _by_name(masks.calcified(masks.trimmed))
        self.scored = now

    def rescored(self, masks: CaseMasks) -> None:
        """Note that the trimmed segments have been scored as they are."""
        now = prints_of(masks)
        self.scored = {**self.scored, **{key: now[key] for key in structures.TRIMMED_KEYS}}

    def changed(self, masks: CaseMasks) -> tuple[str, ...]:
        """Name the structures that have changed since they were scored."""
        return tuple(key for key, value in prints_of(masks).items() if value != self.scored.get(key))

    def edited(self, masks: CaseMasks) -> tuple[str, ...]:
        """Name the structures that have changed since they were made."""
        return tuple(key for key, value in prints_of(masks).items() if value != self.made.get(key))

    def edits(self, masks: CaseMasks) -> Edits:
        """Tell what was changed by hand in what is scored as it is."""
        edited = self.edited(masks)
        # The full length is not scored; it counts where trimmed arteries were made of it.
        full = (structures.FULL + key for key in self.resting)
        segments = tuple(key for key in edited if key in (*structures.TRIMMED_KEYS, *full))
        inside = masks.calcified(masks.trimmed)
        territories = tuple(
            territory
            for territory in Territory
            if territory.key in segments
            or territory.key in self.resting
            or inside[territory] != self.calcified.get(territory.key)
        )
        return Edits(segments, territories)

    def edits_before_trimming(self, masks: CaseMasks) -> Edits:
        """Tell what was changed by hand in what the trimming starts from."""
        segments = tuple(key for key in self.edited(masks) if key not in structures.TERRITORY_KEYS)
        return Edits(segments, self._resting(masks))

    def _resting(self, masks: CaseMasks) -> tuple[Territory, ...]:
        """Name the territories whose full-length artery, or the calcification in it, was changed."""
        segments = self.edited(masks)
        inside = masks.calcified(masks.full)
        return tuple(
            territory
            for territory in Territory
            if structures.FULL + territory.key in segments or inside[territory] != self.full_calcified[territory.key]
        )


def prints_of(masks: CaseMasks) -> dict[str, str]:
    """Give the fingerprint of each structure."""
    return {key: mask.fingerprint for key, mask in masks.by_key().items()}


def _by_name(prints: dict[Territory, str]) -> dict[str, str]:
    return {territory.key: value for territory, value in prints.items()}
