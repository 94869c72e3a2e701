"""What is done to every case of a cohort."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..archive.objects import DicomOrder
from ..archive.source import check_source
from ..errors import InputError
from ..images.artery_files import ArteryFormat
from ..images.common_grid import aligned
from ..images.geometry import Image
from ..inference.options import InferenceOptions
from ..inference.run import Labelled
from ..inference.service import InferenceService
from ..models import Model
from ..pipeline import CaseParameters
from ..quality.codes import WarningCode, coded
from ..results import ScoredCase
from ..sources import FinishedRun, score_sources
from ..thresholding import ThresholdMethod
from .case_inputs import CohortInput
from .checksums import Content, content_of
from .inputs import read_input


@dataclass(frozen=True)
class CaseImages:
    """The images of a case.

    Attributes
    ----------
    cta : Image
        HU.
    arteries : Image or None
        Territory map on the same grid, where another tool made it.
    warnings : tuple of str
        What a reader should know of these arteries.
    """

    cta: Image
    arteries: Image | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """Models and parameters that every case of a cohort gets.

    Attributes
    ----------
    models : tuple of Model
        The ensembles that are needed; none where arteries and a threshold take their places.
    parameters : CaseParameters
        What is done with the label maps.
    options : InferenceOptions
        How the ensembles are run.
    interpreter : str, optional
        Python with torch and nnunetv2; the running one by default.
    arteries : ArteryFormat or None
        How the cases' own arteries are read; None: the network labels them.
    calcification : ThresholdMethod, float or None
        Adaptive, or a threshold in HU; None: the network labels it.
    dicom : bool
        Whether DICOM objects are written for cases that came as DICOM.
    """

    models: tuple[Model, ...]
    parameters: CaseParameters = field(default_factory=CaseParameters)
    options: InferenceOptions = field(default_factory=InferenceOptions)
    interpreter: str | None = None
    arteries: ArteryFormat | None = None
    calcification: ThresholdMethod | float | None = None
    dicom: bool = False

    def order(self, case: CohortInput) -> DicomOrder | None:
        """Give what the DICOM objects of a case are made for; None where none are wanted or it is no DICOM."""
        return DicomOrder(case.files, case.name) if self.dicom and case.is_dicom else None

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
        other: dict[str, Any] = {}
        # Only where they are used, so that the records of a cohort by the networks stay valid.
        if self.arteries is not None:
            other["arteries"] = [self.arteries.preset, self.arteries.mapping]
        if self.calcification is not None:
            other["threshold"] = self.calcification
        decisive = {
            **other,
            **self.parameters.to_dict(),
            "weights": {territory.key: weight for territory, weight in sorted(weights.items())},
            "models": {model.role.value: model.fingerprint for model in self.models},
            "folds": {model.role.value: self.options.folds_of(model) for model in self.models},
            "mirroring": self.options.mirroring,
            "step_size": self.options.step_size,
            "whole_volume": self.options.whole_volume,
            "first_look": self.options.first_look,
            "half_precision": self.options.engine == "openvino-bf16",
        }
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    def read(self, case: CohortInput) -> CaseImages:
        """Read the images of a case.

        Parameters
        ----------
        case : CohortInput
            The case.

        Returns
        -------
        CaseImages
            CTA, and arteries on its grid where they are given.

        Raises
        ------
        InputError, CalcScoreError
            As `read_input`; or the arteries cannot be used, or no DICOM objects be made that are wanted.
        """
        if case.problem:
            raise InputError(case.problem)
        order = self.order(case)
        if order is not None:
            check_source(order.files, order.name)
        cta = read_input(case)
        if self.arteries is None or case.arteries is None:
            return CaseImages(cta)
        territories, warnings = self.arteries.read(case.arteries, cta.geometry)
        territories = aligned(cta, territories, "the CTA", str(case.arteries))
        return CaseImages(cta, territories, coded(WarningCode.OTHER_TOOL, warnings))

    def score(self, case: CohortInput, images: CaseImages, content: Content, labelled: Labelled | None) -> ScoredCase:
        """Score a case, as ``calcscore analyze`` does.

        Parameters
        ----------
        case : CohortInput
            The case.
        images : CaseImages
            What `read` gave.
        content : Content
            Of the case's files.
        labelled : Labelled or None
            What the networks made of it; None where none was needed.

        Returns
        -------
        ScoredCase
            Scores and label maps on the CTA's grid.
        """
        file = case.path if isinstance(case.path, Path) else None
        inputs = {"cta": file} if file else {}
        if self.arteries is not None and case.arteries is not None:
            inputs |= self.arteries.files(case.arteries)
        run = FinishedRun(labelled, self.models) if labelled else None
        scored = score_sources(case.name, images.cta, run, images.arteries, self.calcification, self.parameters, inputs)
        result = scored.result
        if file is None:
            # The files of a series have names that can be a patient's.
            sha256 = content_of(case.files).sha256 if case.artery_files else content.sha256
            series = {"cta": {"file": f"{len(case.files)} DICOM files", "sha256": sha256}}
            result = replace(
                result, provenance={**result.provenance, "inputs": {**series, **result.provenance["inputs"]}}
            )
        told = (*case.warnings, *images.warnings, *result.warnings)
        return replace(scored, result=replace(result, warnings=told))
