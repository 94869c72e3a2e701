"""The result of one case, and how it is written (schema ``calcscore/1``)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from .atomic import write_json, write_text
from .scoring import Cluster, Row, Scores

SCHEMA = "calcscore/1"

CSV_COLUMNS = (
    "case",
    "territory",
    "status",
    "artery_volume_mm3",
    "calcified_volume_mm3",
    "burden",
    "cluster_count",
    "mean_cluster_volume_mm3",
)


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
        Everything a reader should know, from all steps.
    provenance : dict
        Versions, inputs with their SHA-256, time.
    composite : dict or None
        ``weights`` and ``burden`` where the user gave weights.
    burden_ranges : dict of str to BurdenRange
        Range of the burden over single folds, by row; empty where there is one fold or no network.
    """

    case: str
    parameters: dict[str, Any]
    scores: Scores
    warnings: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    composite: dict[str, Any] | None = None
    burden_ranges: dict[str, BurdenRange] = field(default_factory=dict)

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
            "provenance": self.provenance,
        }
        for name, span in self.burden_ranges.items():
            content["territories"][name] |= {"burden_fold_min": span.lowest, "burden_fold_max": span.highest}
        if self.composite is not None:
            content["composite"] = self.composite
        return content

    def csv_rows(self) -> list[dict[str, Any]]:
        """Give one row a territory for ``scores.csv``, keyed by `CSV_COLUMNS`."""
        return [{"case": self.case, "territory": name, **_plain(row)} for name, row in self.scores.territories.items()]

    def write_json(self, path: Path) -> None:
        """Write ``scores.json``; the file appears whole or not at all."""
        write_json(path, self.to_dict())

    def write_csv(self, path: Path) -> None:
        """Write ``scores.csv``; the file appears whole or not at all."""
        write_text(path, to_csv(self.csv_rows(), CSV_COLUMNS))


def to_csv(rows: Iterable[dict[str, Any]], columns: Iterable[str]) -> str:
    """Write rows as RFC 4180 text: CRLF, a dot for decimals, empty for None.

    Parameters
    ----------
    rows : iterable of dict
        One dict a row.
    columns : iterable of str
        Keys in the order of the columns.

    Returns
    -------
    str
        The table with a header line.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns), lineterminator="\r\n", extrasaction="raise")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _plain(row: Row) -> dict[str, Any]:
    return {key: value.value if isinstance(value, Enum) else value for key, value in asdict(row).items()}


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
