"""nnU-Net's own predictor, with a word after every tile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor


class TilePredictor(nnUNetPredictor):  # type: ignore[misc]
    """nnU-Net's predictor, which tells every tile and what it does when the GPU's memory does not suffice.

    Parameters
    ----------
    on_tile : callable
        Called after each tile with the number of tiles done and of all tiles of the fold.
    on_notice : callable
        Called with a sentence.
    options : keyword arguments
        Of ``nnUNetPredictor``.
    """

    def __init__(self, on_tile: Callable[[int, int], None], on_notice: Callable[[str], None], **options: Any) -> None:
        super().__init__(verbose=False, allow_tqdm=False, **options)
        self._on_tile, self._on_notice = on_tile, on_notice
        self._tiles = self._tiles_done = 0

    def _internal_get_sliding_window_slicers(self, image_size: tuple[int, ...]) -> list[Any]:
        slicers: list[Any] = super()._internal_get_sliding_window_slicers(image_size)
        self._tiles = len(slicers)
        return slicers

    def _internal_predict_sliding_window_return_logits(
        self, data: torch.Tensor, slicers: list[Any], do_on_device: bool = True
    ) -> torch.Tensor:
        self._tiles_done = 0
        try:
            return super()._internal_predict_sliding_window_return_logits(data, slicers, do_on_device)
        except torch.OutOfMemoryError:
            if do_on_device:
                self._on_notice("The GPU's memory did not suffice; the run goes on with sums in main memory.")
            raise

    def _internal_maybe_mirror_and_predict(self, x: torch.Tensor) -> torch.Tensor:
        prediction = super()._internal_maybe_mirror_and_predict(x)
        self._tiles_done += 1
        self._on_tile(self._tiles_done, self._tiles)
        return prediction

    def fold_logits(self, data: torch.Tensor, weights: Mapping[str, Any]) -> torch.Tensor:
        """Predict with the weights of one fold.

        Parameters
        ----------
        data : Tensor, shape (1, z, y, x)
            Preprocessed CTA.
        weights : mapping
            Network weights of the fold.

        Returns
        -------
        Tensor of half, shape (heads, z, y, x)
            Logits in main memory.
        """
        self.network.load_state_dict(weights)
        try:
            logits = self.predict_sliding_window_return_logits(data)
        except torch.OutOfMemoryError:
            self._on_notice("The GPU's memory did not suffice; the run goes on on the CPU, which takes longer.")
            self.device, self.perform_everything_on_device = torch.device("cpu"), False
            logits = self.predict_sliding_window_return_logits(data)
        return logits.to("cpu")
