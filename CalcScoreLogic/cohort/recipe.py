"""What is done to every case of a cohort."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..images.geometry import Image
from ..inference.options import InferenceOptions
from ..inference.protocol import Result
from ..inference.service import InferenceService
from ..models import Model
from ..pipeline import CaseParameters, score_prediction
from ..results import ScoredCase
from .checksums import Content
from .inputs import CohortInput


@dataclass(frozen=True)
class Recipe:
    """Models and parameters that every case of a cohort gets.

    Attributes
    ----------
    models : tuple of Model
        The territory ensemble and the calcification ensemble.
    parameters : CaseParameters
        What is done with the label maps.
    options : InferenceOptions
        How the ensembles are run.
    interpreter : str, optional
        Python with torch and nnunetv2; the running one by default.
    """

    models: tuple[Model, ...]
    parameters: CaseParameters = field(default_factory=CaseParameters)
    options: InferenceOptions = field(default_factory=InferenceOptions)
    interpreter: str | None = None

    @property
    def model_folders(self) -> dict[str, Path]:
        """Folder of the model of each role."""
        return {model.role.value: model.path for model in self.models}

    def service(self) -> InferenceService:
        """Make the process that runs the models, for any number of cases."""
        lengths = self.parameters.shortening
        return InferenceService(self.model_folders, self.options, self.interpreter, lengths)

    def fingerprint(self) -> str:
        """Give a text that two recipes share when they give the same results; the machine has no part in it."""
        weights: Mapping[Any, float] = self.parameters.weights or {}
        decisive = {
            **self.parameters.to_dict(),
            "weights": {territory.key: weight for territory, weight in sorted(weights.items())},
            "models": {model.role.value: model.fingerprint for model in self.models},
            "folds": {model.role.value: self.options.folds or model.folds for model in self.models},
            "mirroring": self.options.mirroring,
            "step_size": self.options.step_size,
            "whole_volume": self.options.whole_volume,
            "first_look": self.options.first_look,
            "half_precision": self.options.engine == "openvino-bf16",
        }
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    def score(
        self,
        case: CohortInput,
        cta: Image,
        content: Content,
        folder: Path,
        outcome: Result,
        notices: tuple[str, ...],
    ) -> ScoredCase:
        """Score what the networks made of a case, as ``calcscore analyze`` does.

        Parameters
        ----------
        case : CohortInput
            The case.
        cta : Image
            HU.
        content : Content
            Of the case's files.
        folder : Path
            Holds the networks' label maps.
        outcome : Result
            What the worker said at the end.
        notices : tuple of str
            What it said on the way.

        Returns
        -------
        ScoredCase
            Scores and label maps on the CTA's grid.
        """
        file = case.path if isinstance(case.path, Path) else None
        inputs = {"cta": file} if file else {}
        scored = score_prediction(case.name, cta, folder, outcome, self.models, self.parameters, inputs)
        result = scored.result
        if file is None:
            # The files of a series have names that can be a patient's.
            series = {"file": f"{len(case.files)} DICOM files", "sha256": content.sha256}
            result = replace(result, provenance={**result.provenance, "inputs": {"cta": series}})
        return replace(scored, result=replace(result, warnings=(*case.warnings, *notices, *result.warnings)))
