"""One CTA through the ensembles: nnU-Net's own steps, one fold and one tile at a time.

Where a label map was computed it is that of nnU-Net's predictor, voxel by voxel: logits of the folds are
summed in the type and the order it uses, and resampled as its own export does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.preprocessing.resampling.default_resampling import compute_new_shape

from ..coverage import Coverage
from ..geometry import Array, Geometry
from ..models import Role
from . import export
from .fold_sum import FoldSum
from .loading import LoadedEnsemble
from .options import InferenceOptions
from .task import Task
from .tiles import GridMatch, Tiles, coverage, widened
from .trimmed import TrimmedArteries
from .way import Way

CORRECTION_MARGIN_MM = 5.0
"""Calcification is labelled this far around the trimmed arteries: room for corrections by hand."""

FIRST_LOOK_MARGIN_MM = 30.0
"""After a first look, the arteries are labelled this far around what it found."""


class CaseRun:
    """A CTA on its way.

    Parameters
    ----------
    cta : Path
        The file; label maps go beside it.
    geometry : Geometry
        Its grid.
    arteries : TrimmedArteries
        Where calcification counts, as far as it is known; the territory ensemble adds to it.
    ensembles : sequence of LoadedEnsemble
        All that will be run.
    planned : mapping of str to float
        Floating point operations of each ensemble's tiles in the timetable, by role.
    options : InferenceOptions
        How the ensembles are run.
    device : torch.device
        Where.
    way : Way
        Told of what is done.

    Attributes
    ----------
    files, fold_files : dict
        Names of the label maps by role, see `protocol.Result`.
    tiles : dict of str to list of int
        Tiles run in a fold, and tiles of the full run, by role.
    coverage : Coverage or None
        Where calcification was labelled; None: everywhere.
    """

    def __init__(
        self,
        cta: Path,
        geometry: Geometry,
        arteries: TrimmedArteries,
        ensembles: Sequence[LoadedEnsemble],
        planned: Mapping[str, float],
        options: InferenceOptions,
        device: torch.device,
        way: Way,
    ) -> None:
        self._cta, self._geometry, self._arteries = cta, geometry, arteries
        self._options, self._device, self._way = options, device, way
        self._expected, self._to_come = dict(planned), list(ensembles)
        self._preprocessed: tuple[Any, torch.Tensor, dict[str, Any]] | None = None
        self.files: dict[str, str] = {}
        self.fold_files: dict[str, list[str]] = {}
        self.tiles: dict[str, list[int]] = {}
        self.coverage: Coverage | None = None
        self._unsearched: Array | None = None

    def predict(self, ensemble: LoadedEnsemble) -> None:
        """Run an ensemble and write its label maps.

        Parameters
        ----------
        ensemble : LoadedEnsemble
            The ensemble.
        """
        self._to_come.remove(ensemble)
        way, predictor, role = self._way, ensemble.predictor, ensemble.role
        # An earlier CTA may have been too large for the GPU.
        predictor.device, predictor.perform_everything_on_device = self._device, self._device.type == "cuda"
        way.reach(role, len(ensemble.folds))
        way.times.begin()
        volume, properties = self._preprocess(ensemble)
        way.times.finish("preprocessing", float(np.prod(self._geometry.shape)))
        shape = tuple(volume.shape[1:])
        match = GridMatch.of(properties, ensemble.forward, shape)
        way.tile_cost = ensemble.operations_per_tile
        looked = 0
        if role == Role.TERRITORIES.value:
            tiles, looked = self._artery_tiles(ensemble, volume)
        else:
            tiles = self._calcification_tiles(ensemble, match)
        self.tiles[role] = [tiles.count, tiles.total]
        self._expect(ensemble, len(ensemble.folds) * tiles.count + looked)
        task = Task(ensemble, volume, properties, match, tiles)
        total = self._run_folds(task)
        way.reach(f"{role}, putting together")
        self.files[role] = self._write(task, total)

    def _expect(self, ensemble: LoadedEnsemble, tile_runs: int) -> None:
        """Correct what the timetable expects of an ensemble."""
        operations = tile_runs * ensemble.operations_per_tile
        self._way.times.plan("tiles", operations - self._expected[ensemble.role])
        self._expected[ensemble.role] = operations

    def _expect_at_arteries(self, done: Task) -> None:
        """Correct what the timetable expects of the calcification ensemble, from the arteries known so far."""
        for ensemble in self._to_come:
            forward, target = ensemble.forward, ensemble.predictor.configuration_manager.spacing
            here = [done.properties["spacing"][axis] for axis in forward]
            onto = done.match.of_model(forward, partial(compute_new_shape, old_spacing=here, new_spacing=target))
            chosen = self._tiles_at_arteries(ensemble, onto)
            if chosen is not None:
                self._expect(ensemble, len(ensemble.folds) * chosen.count)

    def _preprocess(self, ensemble: LoadedEnsemble) -> tuple[torch.Tensor, dict[str, Any]]:
        """Preprocess the CTA, unless the ensemble before this one has done the same."""
        decisive = ensemble.preprocessing()
        if self._preprocessed is None or self._preprocessed[0] != decisive:
            # Let go of first: two preprocessed CTAs may not fit into memory.
            self._preprocessed = None
            self._preprocessed = (decisive, *ensemble.preprocess(self._cta))
        return self._preprocessed[1:]

    def _artery_tiles(self, ensemble: LoadedEnsemble, volume: torch.Tensor) -> tuple[Tiles, int]:
        """Choose all tiles, or those around what one fold finds with tiles side by side; count the latter."""
        predictor, shape = ensemble.predictor, volume.shape[1:]
        tiles = predictor.every_tile(shape)
        if not self._options.first_look:
            return tiles, 0
        self._way.reach(f"{ensemble.role}, first look", 1)
        side_by_side = predictor.every_tile(shape, step_size=1.0)
        predictor.take_fold(0)
        logits = predictor.fold_logits(volume, side_by_side)
        found = predictor.label_manager.convert_logits_to_segmentation(logits).numpy() > 0
        wanted = widened(found, predictor.configuration_manager.spacing, FIRST_LOOK_MARGIN_MM)
        self._way.reach(ensemble.role, len(ensemble.folds))
        return tiles.reaching(wanted, predictor.padding(shape)), side_by_side.count

    def _calcification_tiles(self, ensemble: LoadedEnsemble, match: GridMatch) -> Tiles:
        """Choose the tiles that reach trimmed arteries, or all where these are not known."""
        chosen = self._tiles_at_arteries(ensemble, match)
        if chosen is None:
            return ensemble.predictor.every_tile(match.model_shape)
        self.coverage = coverage(chosen, ensemble.predictor.padding(match.model_shape), match, self._geometry.origin)
        # Once for the ensemble and all its folds.
        self._unsearched = ~self.coverage.mask()
        return chosen

    def _tiles_at_arteries(self, ensemble: LoadedEnsemble, match: GridMatch) -> Tiles | None:
        """Choose the tiles that reach the trimmed arteries known so far; None where all are to be run."""
        predictor = ensemble.predictor
        if self._options.whole_volume or self._arteries.mask is None:
            return None
        if not ensemble.keeps_axes or not export.supports(predictor):
            return None
        wanted = match.to_model(self._arteries.mask)
        wanted = widened(wanted, predictor.configuration_manager.spacing, CORRECTION_MARGIN_MM)
        return predictor.every_tile(match.model_shape).reaching(wanted, predictor.padding(match.model_shape))

    def _run_folds(self, task: Task) -> torch.Tensor | None:
        """Average the folds' logits as nnU-Net does, and write each fold's own labels; None without a tile."""
        role, folds = task.ensemble.role, len(task.ensemble.folds)
        sums = FoldSum(self._cta.parent / f"{role}.sum")
        names: list[str] = []
        with torch.inference_mode():
            for position in range(folds):
                names += self._run_fold(task, position, sums)
            total = sums.mean(folds)
        if names:
            self.fold_files[role] = names
        return total

    def _run_fold(self, task: Task, position: int, sums: FoldSum) -> list[str]:
        """Add a fold's logits to the sum; give the name of its own labels where there are several folds."""
        ensemble = task.ensemble
        self._way.next_fold()
        ensemble.predictor.take_fold(position)
        self._way.times.finish("networks", 1)
        sums.make_room()
        logits = task.logits()
        names = []
        if len(ensemble.folds) > 1:
            names.append(self._write(task, logits, f"_fold_{ensemble.folds[position]}"))
            if ensemble.role == Role.TERRITORIES.value:
                self._expect_at_arteries(task)
        if logits is not None:
            sums.add(logits)
        return names

    def _write(self, task: Task, logits: torch.Tensor | None, suffix: str = "") -> str:
        """Write a label map with our label values; give its name."""
        ensemble, labels = task.ensemble, task.labels(logits)
        if ensemble.role == Role.TERRITORIES.value and ensemble.keeps_axes:
            self._arteries.add(labels)
        elif ensemble.role == Role.CALCIFICATION.value and self._unsearched is not None:
            # Where not every tile was run, a label would be a guess.
            labels[self._unsearched] = 0
        name = f"{ensemble.role}{suffix}.nii.gz"
        task.write(labels, self._cta.parent / name)
        self._way.times.finish("label maps", float(ensemble.heads * labels.size))
        return name
