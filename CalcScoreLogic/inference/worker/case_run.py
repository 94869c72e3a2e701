"""One CTA through the ensembles: nnU-Net's own steps, one fold and one tile at a time.

Where a label map was computed it is that of nnU-Net's predictor, voxel by voxel: logits of the folds are
summed in the type and the order it uses, and resampled as its own export does. Small pieces go where the model
asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from ...images.coverage import Coverage
from ...images.files import read_labels, write_image
from ...images.geometry import Array, Geometry, Image
from ...models import Role
from ..options import InferenceOptions
from . import export
from .artery_region import TrimmedArteries
from .ensemble_prediction import EnsemblePrediction
from .fold_mean import FoldSum, is_large
from .interpolation import resampled_shape
from .loading import LoadedEnsemble
from .prefetch import PreprocessedCta
from .progress import RunProgress
from .specks import drop_specks
from .tiles import GridMatch, Tiles, coverage, widened

CORRECTION_MARGIN_MM = 5.0
"""Calcification is labelled this far around the trimmed arteries: room for corrections by hand."""

FIRST_LOOK_MARGIN_MM = 30.0
"""After a first look, the arteries are labelled this far around what it found."""


class CaseRun:
    """A CTA on its way.

    Parameters
    ----------
    cta : PreprocessedCta
        The CTA; label maps go beside its file.
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
    progress : RunProgress
        Told of what is done.

    Attributes
    ----------
    files : dict of str to str
        Names of the label maps by role, see `protocol.Result`.
    fold_burdens : list of dict
        What each fold gives by itself, see `protocol.Result`.
    tiles : dict of str to list of int
        Tiles that were run, and tiles of the full run, of all folds together, by role.
    coverage : Coverage or None
        Where calcification was labelled; None: everywhere.
    """

    def __init__(
        self,
        cta: PreprocessedCta,
        geometry: Geometry,
        arteries: TrimmedArteries,
        ensembles: Sequence[LoadedEnsemble],
        planned: Mapping[str, float],
        options: InferenceOptions,
        device: torch.device,
        progress: RunProgress,
    ) -> None:
        self._cta, self._geometry, self._arteries, self._folder = cta, geometry, arteries, cta.file.parent
        self._options, self._device, self._progress = options, device, progress
        self._expected, self._to_come = dict(planned), list(ensembles)
        self.files: dict[str, str] = {}
        self.fold_burdens: list[dict[str, float | None]] = []
        self.tiles: dict[str, list[int]] = {}
        self.coverage: Coverage | None = None
        self._wanted_tiles: list[int] = []

    def predict(self, ensemble: LoadedEnsemble) -> None:
        """Run an ensemble and write its label maps.

        Parameters
        ----------
        ensemble : LoadedEnsemble
            The ensemble.
        """
        self._to_come.remove(ensemble)
        progress, predictor, role = self._progress, ensemble.predictor, ensemble.role
        # An earlier CTA may have been too large for the GPU.
        predictor.start_over(self._device)
        progress.reach(role, len(ensemble.folds))
        progress.times.begin()
        volume, properties = self._cta.take(ensemble, self._to_come)
        progress.times.finish("preprocessing", float(np.prod(self._geometry.shape)))
        shape = tuple(volume.shape[1:])
        match = GridMatch.of(properties, ensemble.forward, shape)
        progress.tile_cost = ensemble.operations_per_tile
        looked = 0
        if role == Role.TERRITORIES.value:
            tiles, looked = self._artery_tiles(ensemble, volume)
            of_folds = [tiles] * len(ensemble.folds)
        else:
            tiles = self._calcification_tiles(ensemble, match)
            of_folds = [self._fold_tiles(ensemble, match, tiles, position) for position in range(len(ensemble.folds))]
        run = sum(chosen.count for chosen in of_folds)
        self.tiles[role] = [run, len(of_folds) * tiles.total]
        self._expect(ensemble, run + looked)
        prediction = EnsemblePrediction(ensemble, volume, properties, match, tiles)
        total = self._run_folds(prediction, of_folds)
        predictor.let_go()
        progress.reach(f"{role}, putting together")
        self.files[role] = self._write(prediction, total)

    def _expect(self, ensemble: LoadedEnsemble, tile_runs: float) -> None:
        """Correct what the timetable expects of an ensemble."""
        operations = tile_runs * ensemble.operations_per_tile
        self._progress.times.plan("tiles", operations - self._expected[ensemble.role])
        self._expected[ensemble.role] = operations

    def _expect_at_arteries(self, done: EnsemblePrediction, arteries: Array) -> None:
        """Correct what the timetable expects of the calcification ensemble, from the arteries of one more fold."""
        for ensemble in self._to_come:
            if self._looks_everywhere(ensemble) or not done.ensemble.keeps_axes:
                continue
            forward, target = ensemble.forward, ensemble.predictor.configuration_manager.spacing
            here = [done.properties["spacing"][axis] for axis in forward]
            onto = done.match.of_model(forward, partial(resampled_shape, spacing_mm=here, new_spacing_mm=target))
            chosen = self._tiles_at(ensemble, onto, arteries, CORRECTION_MARGIN_MM)
            self._wanted_tiles.append(chosen.count)
            self._expect(ensemble, len(ensemble.folds) * float(np.mean(self._wanted_tiles)))

    def _artery_tiles(self, ensemble: LoadedEnsemble, volume: torch.Tensor) -> tuple[Tiles, int]:
        """Choose all tiles, or those around what one fold finds with tiles side by side; count the latter."""
        predictor, shape = ensemble.predictor, volume.shape[1:]
        tiles = predictor.every_tile(shape)
        if not self._options.first_look:
            return tiles, 0
        self._progress.reach(f"{ensemble.role}, first look", 1)
        # An eighth of the tiles of half a step; enough to tell where to look, never used for a label.
        side_by_side = predictor.every_tile(shape, step_size=1.0)
        predictor.take_fold(0)
        logits = predictor.fold_logits(volume, side_by_side)
        # Veins, bones and organs, which some ensembles know too, are nothing to look around.
        found = ensemble.our_labels(predictor.label_manager.convert_logits_to_segmentation(logits).numpy()) > 0
        # A branch that ends at a tile's border, where networks are worst, goes on in the next tile.
        wanted = widened(found, predictor.configuration_manager.spacing, FIRST_LOOK_MARGIN_MM)
        self._progress.reach(ensemble.role, len(ensemble.folds))
        return tiles.reaching(wanted, predictor.padding(shape)), side_by_side.count

    def _calcification_tiles(self, ensemble: LoadedEnsemble, match: GridMatch) -> Tiles:
        """Choose the tiles that reach the trimmed arteries, or all where these are not known."""
        if self._looks_everywhere(ensemble) or self._arteries.mask is None:
            return ensemble.predictor.every_tile(match.model_shape)
        chosen = self._tiles_at(ensemble, match, self._arteries.mask, CORRECTION_MARGIN_MM)
        self.coverage = coverage(chosen, ensemble.predictor.padding(match.model_shape), match, self._geometry.origin)
        return chosen

    def _fold_tiles(self, ensemble: LoadedEnsemble, match: GridMatch, tiles: Tiles, position: int) -> Tiles:
        """Add the tiles that reach a fold's own trimmed arteries, in which it is scored by itself."""
        if self.coverage is None or position >= self._arteries.folds:
            return tiles
        return tiles.also(self._tiles_at(ensemble, match, self._arteries.fold_mask(position), 0.0))

    def _looks_everywhere(self, ensemble: LoadedEnsemble) -> bool:
        """Tell whether a calcification ensemble has to run all tiles, whatever the arteries are."""
        return self._options.whole_volume or not ensemble.keeps_axes or not export.supports(ensemble.predictor)

    def _tiles_at(self, ensemble: LoadedEnsemble, match: GridMatch, arteries: Array, margin_mm: float) -> Tiles:
        """Choose the tiles that reach arteries and a margin around them."""
        predictor = ensemble.predictor
        wanted = widened(match.to_model(arteries), predictor.configuration_manager.spacing, margin_mm)
        return predictor.every_tile(match.model_shape).reaching(wanted, predictor.padding(match.model_shape))

    def _run_folds(self, prediction: EnsemblePrediction, of_folds: Sequence[Tiles]) -> torch.Tensor | None:
        """Average the folds' logits where all of them run its tiles, as nnU-Net does; None without a tile."""
        sums = FoldSum(self._folder / f"{prediction.ensemble.role}.sum")
        taken: Future[bool] | None = None
        with torch.inference_mode(), ThreadPoolExecutor(1) as beside:
            for position, tiles in enumerate(of_folds):
                fold = replace(prediction, tiles=tiles)
                logits = self._fold_logits(fold, position, sums)
                # Before the sum, which the first fold's logits are, is changed.
                self._wait_for_fold(prediction, taken)
                taken = beside.submit(self._take_fold, fold, position, logits) if len(of_folds) > 1 else None
                if logits is not None and is_large(logits):
                    self._wait_for_fold(prediction, taken)
                    taken = None
                if logits is not None and prediction.tiles.count:
                    # Tiles that only this fold wanted would make the mean of different folds from place to place.
                    sums.add(fold.part_of(logits, prediction.tiles))
            self._wait_for_fold(prediction, taken)
            return sums.mean(len(of_folds))

    def _fold_logits(self, fold: EnsemblePrediction, position: int, sums: FoldSum) -> torch.Tensor | None:
        """Run a fold's tiles."""
        self._progress.next_fold()
        fold.ensemble.predictor.take_fold(position)
        self._progress.times.finish("networks", 1)
        sums.make_room()
        return fold.logits()

    def _take_fold(self, fold: EnsemblePrediction, position: int, logits: torch.Tensor | None) -> bool:
        """Keep a fold's arteries for its calcification, and the burdens of both; tell whether it was labelled for that.

        This runs while the next fold does: nothing else changes what is expected meanwhile.
        """
        is_calcification = fold.ensemble.role == Role.CALCIFICATION.value
        # A fold is labelled by itself only where something follows from it: label maps of large CTAs take seconds.
        if not (position < self._arteries.folds if is_calcification else self._to_come):
            return False
        with torch.inference_mode():
            labels = self._labels(fold, logits)
        if is_calcification:
            self.fold_burdens.append(self._arteries.fold_burdens(position, labels))
        else:
            self._expect_at_arteries(fold, self._arteries.take_fold(labels))
        return True

    def _wait_for_fold(self, prediction: EnsemblePrediction, taken: Future[bool] | None) -> None:
        """Wait until a fold's own labels are no longer needed."""
        if taken is None:
            return
        units = self._label_map_units(prediction)
        if taken.result():
            self._progress.times.finish("label maps", units)
        else:
            self._progress.times.plan("label maps", -units)

    def _labels(self, prediction: EnsemblePrediction, logits: torch.Tensor | None) -> Array:
        """Label the CTA's voxels as they are stored, with our label values."""
        labels = prediction.labels(logits)
        if not prediction.ensemble.keeps_axes:
            # The reader has turned the CTA; its writer turns it back.
            file = self._folder / f"{prediction.ensemble.role}_turned.nii.gz"
            prediction.write(labels, file)
            labels = np.array(read_labels(file).array)
        least = prediction.ensemble.model.least_piece_mm3
        if least and prediction.ensemble.role == Role.TERRITORIES.value:
            drop_specks(labels, float(np.prod(self._geometry.spacing)), least)
        return labels

    def _label_map_units(self, prediction: EnsemblePrediction) -> float:
        """Give what a label map counts in the timetable."""
        return float(prediction.ensemble.heads * np.prod(self._geometry.shape))

    def _write(self, prediction: EnsemblePrediction, logits: torch.Tensor | None) -> str:
        """Write the ensemble's label map; give its name."""
        role, labels = prediction.ensemble.role, self._labels(prediction, logits)
        self._progress.times.finish("label maps", self._label_map_units(prediction))
        if role == Role.TERRITORIES.value:
            if self._to_come:
                self._arteries.take(labels)
        elif self.coverage is not None:
            # Where not every tile was run, a label would be a guess.
            self.coverage.clear_elsewhere(labels)
        name = f"{role}.nii.gz"
        write_image(self._folder / name, Image(labels, self._geometry))
        return name
