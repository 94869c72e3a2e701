"""The result of one case, and how it is written (schema ``calcscore/1``)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from .anatomy import COMBINED, Territory, Vessel
from .atomic import write_json, write_text
from .csv_files import to_csv
from .errors import InputError, naming
from .images.geometry import Geometry, Image
from .quality.codes import CodedWarning, codes_of, with_codes
from .scoring import Cluster, Row, Scores, Status
from .shortening import ShorteningParameters

SCHEMA = "calcscore/1"

FIGURES_BEFORE_EDITS = ("artery_volume_mm3", "calcified_volume_mm3", "burden", "cluster_count")
"""Figures that ``scores.csv`` also gives as they were before edits by hand, with ``_before_edits`` after their name."""

CSV_COLUMNS = (
    "case",
    "territory",
    "status",
    "artery_volume_mm3",
    "calcified_volume_mm3",
    "burden",
    "cluster_count",
    "mean_cluster_volume_mm3",
    "edited",
    "warning_codes",
    *(f"{figure}_before_edits" for figure in FIGURES_BEFORE_EDITS),
)


_TYPES = {
    "case": str,
    "parameters": dict,
    "territories": dict,
    "vessels": dict,
    "clusters": list,
    "warnings": list,
    "provenance": dict,
}
_RECORDS = ("models", "inputs", "inference", "rescored")
_CAN_BE_UNDEFINED = ("burden", "mean_cluster_volume_mm3")


@dataclass(frozen=True)
class BurdenRange:
    """Lowest and highest burden over the folds of an ensemble; None where no fold found the artery."""

    lowest: float | None
    highest: float | None


@dataclass(frozen=True)
class CaseResult:
    """Scores of one case with all that is needed to read and repeat them.

    Attributes
    ----------
    case : str
        Name of the case.
    parameters : dict
        ``length_mm``, ``aorta_margin_mm``, ``method``, ``calcification``.
    scores : Scores
        What was measured.
    warnings : tuple of str
        Everything a reader should know, from all steps; those with a code are `CodedWarning`.
    provenance : dict
        Versions, inputs with their SHA-256, time.
    composite : dict or None
        ``weights`` and ``burden`` where the user gave weights.
    burden_ranges : dict of str to BurdenRange
        Range of the burden over single folds, by row; empty where there is one fold or no network.
    edited : tuple of str
        Rows that rest on segments edited by hand.
    before_edits : dict of str to Row
        All rows as they were measured before the first edit; empty where nothing is edited, or where that is not
        known any more because the arteries were trimmed to other lengths since.
    """

    case: str
    parameters: dict[str, Any]
    scores: Scores
    warnings: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    composite: dict[str, Any] | None = None
    burden_ranges: dict[str, BurdenRange] = field(default_factory=dict)
    edited: tuple[str, ...] = ()
    before_edits: dict[str, Row] = field(default_factory=dict)

    @property
    def edited_segments(self) -> tuple[str, ...]:
        """What was edited by hand, where it changed no row too; empty where nothing was."""
        return tuple(self.provenance.get("rescored", {}).get("edited_segments", ())) or self.edited

    def before(self, name: str) -> Row | None:
        """Give a row as it was before any edit by hand; None where that is not known."""
        rows = {**self.scores.territories, **self.scores.vessels} if not self.edited else self.before_edits
        return rows.get(name)

    def to_dict(self) -> dict[str, Any]:
        """Give the content of ``scores.json``."""
        content: dict[str, Any] = {
            "schema": SCHEMA,
            "case": self.case,
            "parameters": self.parameters,
            "territories": {name: _plain(row) for name, row in self.scores.territories.items()},
            "vessels": {name: _plain(row) for name, row in self.scores.vessels.items()},
            "clusters": [_cluster(number, c) for number, c in enumerate(self.scores.clusters, start=1)],
            "warnings": list(self.warnings),
            "warning_codes": [warning.to_dict() for warning in self.warnings if isinstance(warning, CodedWarning)],
            "provenance": self.provenance,
        }
        for name, span in self.burden_ranges.items():
            content["territories"][name] |= {"burden_fold_min": span.lowest, "burden_fold_max": span.highest}
        for rows in (content["territories"], content["vessels"]):
            for name in rows.keys() & set(self.edited):
                rows[name]["edited"] = True
            for name in rows.keys() & self.before_edits.keys():
                rows[name]["before_edits"] = _plain(self.before_edits[name])
        if self.composite is not None:
            content["composite"] = self.composite
        return content

    def csv_rows(self, vessels: bool = False) -> list[dict[str, Any]]:
        """Give one row a territory, and one a vessel where wanted, for ``scores.csv``; keyed by `CSV_COLUMNS`."""
        rows = {**self.scores.territories, **(self.scores.vessels if vessels else {})}
        return [
            {
                "case": self.case,
                "territory": name,
                **_plain(row),
                "edited": "yes" if name in self.edited else "no",
                "warning_codes": codes_of(self.warnings, None if name == COMBINED else name),
                **self._csv_before(name),
            }
            for name, row in rows.items()
        ]

    def _csv_before(self, name: str) -> dict[str, Any]:
        row = self.before(name)
        return {f"{figure}_before_edits": getattr(row, figure) if row else None for figure in FIGURES_BEFORE_EDITS}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> CaseResult:
        """Read what `to_dict` gave.

        Parameters
        ----------
        content : mapping
            Content of ``scores.json``.

        Returns
        -------
        CaseResult
            The same result; the warnings of its scores are among its own.

        Raises
        ------
        InputError
            Another schema, or something is missing or of the wrong type.
        """
        schema = content.get("schema") if isinstance(content, Mapping) else None
        if schema != SCHEMA:
            raise InputError(f"the scores have the schema {schema!r}, this version reads {SCHEMA!r}; analyze again")
        try:
            _check_types(content)
            rows = {**content["territories"], **content["vessels"]}
            scores = Scores(
                {name: _row(fields) for name, fields in content["territories"].items()},
                {name: _row(fields) for name, fields in content["vessels"].items()},
                tuple(_read_cluster(fields) for fields in content["clusters"]),
                (),
            )
            return cls(
                case=content["case"],
                parameters=dict(content["parameters"]),
                scores=scores,
                warnings=with_codes(content["warnings"], content.get("warning_codes", ())),
                provenance=dict(content["provenance"]),
                composite=content.get("composite"),
                burden_ranges={
                    name: BurdenRange(fields["burden_fold_min"], fields["burden_fold_max"])
                    for name, fields in content["territories"].items()
                    if "burden_fold_min" in fields
                },
                edited=tuple(name for name, fields in rows.items() if fields.get("edited")),
                before_edits={
                    name: _row(fields["before_edits"]) for name, fields in rows.items() if "before_edits" in fields
                },
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"the scores cannot be read ({type(error).__name__}: {error}), analyze again") from error

    def write_json(self, path: Path) -> None:
        """Write ``scores.json``; the file appears whole or not at all."""
        write_json(path, self.to_dict())

    def write_csv(self, path: Path) -> None:
        """Write ``scores.csv``; the file appears whole or not at all."""
        write_text(path, to_csv(self.csv_rows(), CSV_COLUMNS))


def read_scores(path: Path) -> CaseResult:
    """Read ``scores.json``; raises InputError where it is not there or holds no scores that this version knows."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: the scores cannot be read, analyze the case again") from error
    with naming(path):
        return CaseResult.from_dict(content)


def _plain(row: Row) -> dict[str, Any]:
    return {key: value.value if isinstance(value, Enum) else value for key, value in asdict(row).items()}


def _check_types(content: Mapping[str, Any]) -> None:
    """Refuse parts of another type than they are written with; raises KeyError, TypeError or InputError."""
    for key, kind in _TYPES.items():
        if not isinstance(content[key], kind):
            raise TypeError(f"{key} is {content[key]!r:.40}")
    lacking = {*(territory.key for territory in Territory), COMBINED} - content["territories"].keys()
    if lacking or not content["vessels"].keys() <= {vessel.value for vessel in Vessel}:
        raise KeyError(f"rows {sorted(lacking)}" if lacking else "vessels")
    if not all(isinstance(warning, str) for warning in content["warnings"]):
        raise TypeError("a warning is no text")
    _check_provenance(content["provenance"])
    _check_parameters(content["parameters"])
    composite = content.get("composite")
    if composite is not None:
        for territory, weight in composite["weights"].items():
            _figure(weight, Territory[territory.upper()])
        _figure(composite["burden"] or 0.0)


def _check_provenance(known: Mapping[str, Any]) -> None:
    for key in _RECORDS:
        if not isinstance(known.get(key, {}), dict):
            raise TypeError(f"{key} is {known[key]!r:.40}")
    for key, name in (("inputs", "file"), ("models", "name")):
        for entry in known.get(key, {}).values():
            if not isinstance(entry[name], str) or not isinstance(entry["sha256"], (str, type(None))):
                raise TypeError(f"one of the {key} is {entry!r:.40}")


def _check_parameters(known: Mapping[str, Any]) -> None:
    """Refuse parameters that no run can have had; raises KeyError, TypeError or InputError."""
    if known["length_mm"] is not None:
        ShorteningParameters(_figure(known["length_mm"]), _figure(known["aorta_margin_mm"]), known["method"])
    if not isinstance(known["calcification"], str):
        raise TypeError(f"calcification is {known['calcification']!r:.40}")


def _figure(value: Any, what: object = "a figure") -> float:
    """Give a number as it is; raises TypeError where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError(f"{what} is {value!r:.40}")
    return value


def _row(fields: Mapping[str, Any]) -> Row:
    """Read a row; what was added to it (folds, edited) is left out."""
    figures = {key: fields[key] for key in Row.__dataclass_fields__ if key != "status"}
    for key, value in figures.items():
        if value is not None or key not in _CAN_BE_UNDEFINED:
            _figure(value, key)
    return Row(status=Status(fields["status"]), **figures)


def _read_cluster(fields: Mapping[str, Any]) -> Cluster:
    x, y, z = fields["centroid_lps_mm"]
    return Cluster(
        territory=Territory[fields["territory"].upper()],
        vessel=Vessel(fields["vessel"]) if fields["vessel"] else None,
        volume_mm3=fields["volume_mm3"],
        centroid_mm=(x, y, z),
        max_hu=fields["max_hu"],
        mean_hu=fields["mean_hu"],
    )


def _cluster(number: int, cluster: Cluster) -> dict[str, Any]:
    return {
        "id": number,
        "territory": cluster.territory.key,
        "vessel": cluster.vessel and cluster.vessel.value,
        "volume_mm3": cluster.volume_mm3,
        "centroid_lps_mm": list(cluster.centroid_mm),
        "max_hu": cluster.max_hu,
        "mean_hu": cluster.mean_hu,
    }


@dataclass(frozen=True)
class ScoredCase:
    """A case with its scores and the images they were measured in.

    Attributes
    ----------
    result : CaseResult
        The scores.
    territories, shortened, calcification : Image
        Label maps; `shortened` is the one that was measured.
    """

    result: CaseResult
    territories: Image
    shortened: Image
    calcification: Image

    def on_grid(self, geometry: Geometry) -> ScoredCase:
        """Give the same maps on a grid of the same shape: files hold it in single precision, a CTA exactly."""
        maps = (self.territories, self.shortened, self.calcification)
        return ScoredCase(self.result, *(Image(image.array, geometry) for image in maps))
