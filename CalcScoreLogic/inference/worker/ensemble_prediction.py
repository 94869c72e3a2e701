"""What an ensemble has to do on one CTA: the tiles to run, and the way back to the CTA's grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...images.geometry import Array
from . import export
from .loading import LoadedEnsemble
from .tiles import GridMatch, Tiles


@dataclass(frozen=True, eq=False)
class EnsemblePrediction:
    """Some tiles of a preprocessed CTA.

    Attributes
    ----------
    ensemble : LoadedEnsemble
        What runs them.
    volume : Tensor of float32, shape (1, z, y, x)
        The CTA on the model's grid.
    properties : dict
        What nnU-Net needs to bring labels back.
    match : GridMatch
        The model's grid and the CTA's.
    tiles : Tiles
        The tiles.
    """

    ensemble: LoadedEnsemble
    volume: torch.Tensor
    properties: dict[str, Any]
    match: GridMatch
    tiles: Tiles

    def logits(self) -> torch.Tensor | None:
        """Run the tiles with the network in place; None without a tile."""
        return self.ensemble.predictor.fold_logits(self.volume, self.tiles) if self.tiles.count else None

    def part_of(self, logits: torch.Tensor, tiles: Tiles) -> torch.Tensor:
        """Cut out what some of the tiles need.

        Parameters
        ----------
        logits : Tensor, shape (heads, z, y, x)
            What `logits` gave.
        tiles : Tiles
            One of its tiles, or more.

        Returns
        -------
        Tensor, shape (heads, z, y, x)
            A view: what `logits` would give for these tiles, wherever all tiles of a voxel are among them.
        """
        whole, part = (self.ensemble.predictor.box_of(of, self.match.model_shape) for of in (self.tiles, tiles))
        inner = [slice(p.start - w.start, p.stop - w.start) for p, w in zip(part, whole, strict=True)]
        return logits[(slice(None), *inner)]

    def labels(self, logits: torch.Tensor | None) -> Array:
        """Bring logits to the CTA's grid as nnU-Net's export does.

        Parameters
        ----------
        logits : Tensor or None
            What `logits` gave, or the mean of several.

        Returns
        -------
        ndarray of uint8, shape (k, j, i)
            Our label values.
        """
        return self.ensemble.our_labels(self._model_labels(logits))

    def write(self, labels: Array, path: Path) -> None:
        """Write a label map on the CTA's grid with nnU-Net's writer."""
        writer = self.ensemble.predictor.plans_manager.image_reader_writer_class()
        writer.write_seg(labels, str(path), self.properties)

    def _model_labels(self, logits: torch.Tensor | None) -> Array:
        """Label the CTA with the model's own values."""
        predictor = self.ensemble.predictor
        if logits is None:
            return np.zeros(self.match.cta_shape, np.uint8)
        if not export.supports(predictor):
            from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape

            labels = convert_predicted_logits_to_segmentation_with_correct_shape(
                logits,
                predictor.plans_manager,
                predictor.configuration_manager,
                predictor.label_manager,
                self.properties,
            )
            return np.asarray(labels)
        first = tuple(span.start for span in predictor.box_of(self.tiles, self.match.model_shape))
        return export.labels_on_cta_grid(logits, first, self.properties, predictor, self.ensemble.wanted)
