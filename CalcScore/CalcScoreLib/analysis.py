"""From a CTA in the scene to its case: with a timer, or waiting for the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.inference.run import InferenceRun, RunState
from CalcScoreLogic.models import Model, Role, find
from CalcScoreLogic.pipeline import CaseParameters
from CalcScoreLogic.report.method import SOURCES
from CalcScoreLogic.results import ScoredCase
from CalcScoreLogic.shortening import PAPER_LENGTHS, ShorteningParameters
from CalcScoreLogic.sources import Calcium, FinishedRun, score_sources
from CalcScoreLogic.thresholding import ThresholdMethod, adaptive_threshold

from . import settings
from .incremental_work import Steps, run_through
from .scene.case import SceneCase
from .scene.case_content import Content, new_content
from .scene.other_segmentations import Prints, calcification_steps, territory_steps
from .scene.volumes import volume_image, volume_warnings

if TYPE_CHECKING:
    from CalcScoreLogic.images.geometry import Image
    from CalcScoreLogic.inference.options import InferenceOptions
    from CalcScoreLogic.inference.protocol import Failure, Message


@dataclass(frozen=True)
class SegmentsSource:
    """Segments that take a network's place.

    Attributes
    ----------
    node : vtkMRMLSegmentationNode
        Where they are.
    mapping : mapping of str to (str or None)
        Structure of each segment, see `guess_structures`.
    """

    node: Any
    mapping: Mapping[str, str | None]


@dataclass(frozen=True)
class ThresholdSource:
    """Voxels inside the arteries at or above a threshold, HU; None: one that follows the lumen."""

    hu: float | None = None


@dataclass(frozen=True)
class Sources:
    """Where arteries and calcification come from; None: from the network."""

    arteries: SegmentsSource | None = None
    calcification: SegmentsSource | ThresholdSource | None = None

    @property
    def roles(self) -> tuple[Role, ...]:
        """The networks that are needed."""
        return tuple(
            role
            for role, source in ((Role.TERRITORIES, self.arteries), (Role.CALCIFICATION, self.calcification))
            if source is None
        )


class Analysis:
    """One analysis of a CTA.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode
        The CTA.
    sources : Sources, optional
        Where arteries and calcification come from; the networks by default.
    models : sequence of Model, optional
        The models of the networks that are needed; others are left out.
    parameters : ShorteningParameters, optional
        Standard lengths; the paper's by default.
    options : InferenceOptions, optional
        How the networks are run.
    interpreter : str, optional
        Python with torch and nnunetv2; that of the settings by default.

    Attributes
    ----------
    source_prints : dict of Role to Prints
        What was in the segments that take a network's place, once they are read.

    Raises
    ------
    InputError
        The CTA cannot be used, or a model is missing.
    """

    def __init__(
        self,
        volume: Any,
        sources: Sources | None = None,
        models: Sequence[Model] = (),
        parameters: ShorteningParameters | None = None,
        options: InferenceOptions | None = None,
        interpreter: str | None = None,
    ) -> None:
        self._sources = sources or Sources()
        self._volume, self._parameters = volume, parameters
        self._options, self._interpreter = options, interpreter
        self._case = volume.GetName() if volume is not None else ""
        self._cta = volume_image(volume)
        self._warnings: tuple[str, ...] = volume_warnings(volume)
        self._territories: Image | None = None
        self._calcification: Calcium = None
        self._named = _names_of(self._sources)
        self._models = _models_of(self._sources.roles, models)
        self.source_prints: dict[Role, Prints] = {}
        self._run: InferenceRun | None = None
        self._is_read = False
        self._content: Content | None = None
        self._state = RunState.READY

    def __enter__(self) -> Analysis:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def state(self) -> RunState:
        """What became of the networks; done at once where none is needed."""
        return self._run.state if self._run else self._state

    @property
    def failure(self) -> Failure | None:
        """Why the run failed, once `state` says so."""
        return self._run.failure if self._run else None

    @property
    def log(self) -> list[str]:
        """Last lines of what the worker wrote."""
        return self._run.log if self._run else []

    def read_steps(self) -> Steps[None]:
        """Read the segments that take a network's place, in pieces.

        Raises
        ------
        InputError
            They cannot be used.
        """
        arteries, calcification = self._sources.arteries, self._sources.calcification
        if arteries is not None:
            found, self.source_prints[Role.TERRITORIES] = yield from territory_steps(
                arteries.node, arteries.mapping, self._volume
            )
            self._territories, self._warnings = found.territories, (*self._warnings, *found.warnings)
        if isinstance(calcification, ThresholdSource):
            self._calcification = ThresholdMethod.ADAPTIVE if calcification.hu is None else calcification.hu
        elif calcification is not None:
            chosen = [name for name, key in calcification.mapping.items() if key is not None]
            self._calcification, self.source_prints[Role.CALCIFICATION] = yield from calcification_steps(
                calcification.node, chosen, self._volume
            )
        self._is_read = True

    def start(self) -> None:
        """Start the networks; returns at once where `read_steps` was gone through before.

        Raises
        ------
        InputError
            The segments cannot be used, or the interpreter cannot be started.
        CalcScoreError
            The temporary folder cannot be made.
        """
        if not self._is_read:
            run_through(self.read_steps())
        if not self._models:
            self._state = RunState.DONE
            return
        folders = {model.role.value: model.path for model in self._models}
        lengths = self._parameters or PAPER_LENGTHS
        # The one that runs this may be the application itself.
        interpreter = self._interpreter or settings.interpreter()
        around = settings.environment_of(interpreter)
        self._run = InferenceRun(
            self._cta, folders, self._options, interpreter, lengths, self._territories, environment=around
        )
        self._run.start()

    def poll(self) -> list[Message]:
        """Give what the networks said since the last call; never waits."""
        return self._run.poll() if self._run else []

    def wait(self, on_message: Callable[[Message], None] | None = None) -> None:
        """Wait for the networks; raises what `InferenceRun.wait` raises."""
        if self._run:
            self._run.wait(on_message)

    def score(self) -> ScoredCase:
        """Trim and score; touches no node, so it may run in a thread.

        Returns
        -------
        ScoredCase
            Scores and label maps.

        Raises
        ------
        InputError
            The label maps cannot be used.
        """
        run = FinishedRun(self._run.labelled, self._models) if self._run else None
        lengths = CaseParameters(self._parameters or PAPER_LENGTHS, not_given=_not_given(self._sources))
        scored = score_sources(self._case, self._cta, run, self._territories, self._calcification, lengths)
        warnings = (*self._warnings, *scored.result.warnings)
        record = {**scored.result.provenance, SOURCES: self._named} if self._named else scored.result.provenance
        scored = replace(scored, result=replace(scored.result, warnings=warnings, provenance=record))
        # Worked out here, so that `store` has only to write.
        self._content = new_content(scored)
        return scored

    def store(self, scored: ScoredCase) -> SceneCase:
        """Put the result into the scene; surfaces of an earlier run go, which `SceneCase.write` makes anew."""
        content = self._content if self._content and self._content.result is scored.result else new_content(scored)
        return SceneCase.store(self._volume, content)

    def cancel(self) -> None:
        """End the run: no process and no temporary file stays behind."""
        self._state = RunState.CANCELLED
        if self._run:
            self._run.cancel()

    def close(self) -> None:
        """Remove the temporary files; a run that is still going is cancelled."""
        if self._run:
            self._run.close()


def analyze(
    volume: Any,
    sources: Sources | None = None,
    models: Sequence[Model] | None = None,
    parameters: ShorteningParameters | None = None,
    options: InferenceOptions | None = None,
    interpreter: str | None = None,
    on_message: Callable[[Message], None] | None = None,
) -> SceneCase:
    """Analyze a CTA and wait for the end.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode
        The CTA.
    sources, parameters, options, interpreter
        See `Analysis`.
    models : sequence of Model, optional
        The models; by default those that `CalcScoreLogic.models.find` gives.
    on_message : callable, optional
        Takes progress and notices as they come.

    Returns
    -------
    SceneCase
        The nodes.

    Raises
    ------
    InputError
        CTA, segments or models cannot be used.
    CalcScoreError
        The run failed.
    """
    sources = sources or Sources()
    if models is None:
        models = [find(role) for role in sources.roles]
    with Analysis(volume, sources, models, parameters, options, interpreter) as analysis:
        analysis.start()
        analysis.wait(on_message)
        return SceneCase.write(volume, analysis.score())


def adaptive_steps(volume: Any, arteries: SegmentsSource) -> Steps[float]:
    """Find the adaptive threshold of arteries in segments, in pieces.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode
        The CTA.
    arteries : SegmentsSource
        Where the arteries are.

    Returns
    -------
    float
        The threshold, HU.

    Raises
    ------
    InputError
        The segments cannot be used, or hold too little lumen.
    """
    found, _ = yield from territory_steps(arteries.node, arteries.mapping, volume)
    cta = volume_image(volume)
    threshold_hu: float = yield lambda: adaptive_threshold(cta, found.territories).threshold_hu
    return threshold_hu


def _not_given(sources: Sources) -> tuple[str, ...]:
    """Name the territories for which no segment is chosen, where the arteries come from segments."""
    if sources.arteries is None:
        return ()
    given = set(sources.arteries.mapping.values())
    return tuple(territory.key for territory in Territory if territory.key not in given)


def _names_of(sources: Sources) -> dict[str, str]:
    """Name the segments that take a network's place, by role."""
    found = {}
    if sources.arteries is not None:
        found[Role.TERRITORIES.value] = f"segmentation {sources.arteries.node.GetName()}"
    if isinstance(sources.calcification, SegmentsSource):
        node, mapping = sources.calcification.node, sources.calcification.mapping
        segments = [node.GetSegmentation().GetSegment(name) for name, key in mapping.items() if key is not None]
        names = ", ".join(segment.GetName() for segment in segments if segment is not None)
        found[Role.CALCIFICATION.value] = f"segment {names} of {node.GetName()}"
    return found


def _models_of(roles: Sequence[Role], models: Sequence[Model]) -> list[Model]:
    """Pick the model of each role; raises InputError where one is missing."""
    by_role = {model.role: model for model in models}
    missing = [role.value for role in roles if role not in by_role]
    if missing:
        raise InputError(f"no model for {' and '.join(missing)} is chosen, install one or take a segmentation")
    return [by_role[role] for role in roles]
