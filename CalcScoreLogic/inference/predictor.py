"""nnU-Net's own predictor on the tiles that matter, with a word after every tile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from acvl_utils.cropping_and_padding.padding import pad_nd_image
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, compute_steps_for_sliding_window

from ..errors import CalcScoreError
from .tiles import Slices, Tiles


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

    network: Any

    def __init__(self, on_tile: Callable[[int, int], None], on_notice: Callable[[str], None], **options: Any) -> None:
        super().__init__(verbose=False, allow_tqdm=False, **options)
        self._on_tile, self._on_notice = on_tile, on_notice
        self._windows: list[Slices] = []
        self._tiles_done = 0
        self._in_place: int | None = None
        self._flat: dict[float, torch.Tensor] = {}
        self._convert: Callable[[int], torch.nn.Module] | None = None
        self._converted: dict[int, Future[torch.nn.Module]] = {}
        self._converter = ThreadPoolExecutor(1)
        self._keeps_converted = False

    def use_converted(self, convert: Callable[[int], torch.nn.Module], keep: bool) -> None:
        """Compute with other networks than nnU-Net's own; each is made while the one before it is at work.

        Parameters
        ----------
        convert : callable
            Gives the network with the weights at a position of ``list_of_parameters``.
        keep : bool
            Keep all of them for the next CTA, not only the one at work and the next one.
        """
        self._convert, self._keeps_converted = convert, keep
        self._begin_to_convert(0)

    def padding(self, shape: Sequence[int]) -> list[int]:
        """Give the voxels that nnU-Net adds before the first of each axis of a grid that is smaller than a tile."""
        return [max(patch - n, 0) // 2 for n, patch in zip(shape, self.configuration_manager.patch_size, strict=True)]

    def every_tile(self, shape: Sequence[int], step_size: float | None = None) -> Tiles:
        """Give the tiles of nnU-Net's sliding window.

        Parameters
        ----------
        shape : sequence of int
            Voxels of the preprocessed CTA along (z, y, x).
        step_size : float, optional
            Distance between tiles as a share of the tile; that of the run by default.

        Returns
        -------
        Tiles
            All of them, on the padded grid.
        """
        patch = self.configuration_manager.patch_size
        padded = tuple(max(n, side) for n, side in zip(shape, patch, strict=True))
        step = step_size or self.tile_step_size
        return Tiles.every(compute_steps_for_sliding_window(padded, tuple(patch), step), patch)

    def take_fold(self, position: int) -> None:
        """Put the network of a fold in place.

        Parameters
        ----------
        position : int
            Place of the fold's weights in ``list_of_parameters``.
        """
        if self._convert is None:
            if self._in_place != position:
                self.network.load_state_dict(self.list_of_parameters[position])
                self._in_place = position
            return
        if not self._keeps_converted:
            self.network = None
            wanted = (position, position + 1)
            self._converted = {at: network for at, network in self._converted.items() if at in wanted}
        self._begin_to_convert(position)
        self.network = self._converted[position].result()
        if position + 1 < len(self.list_of_parameters):
            self._begin_to_convert(position + 1)

    def let_go(self) -> None:
        """Free what OpenVINO computed with, unless it is kept for the next CTA."""
        if self._convert is not None and not self._keeps_converted:
            self.network = None
            self._converted.clear()

    def _begin_to_convert(self, position: int) -> None:
        if position not in self._converted and self._convert is not None:
            self._converted[position] = self._converter.submit(self._convert, position)

    def fold_logits(self, volume: torch.Tensor, tiles: Tiles) -> torch.Tensor:
        """Predict with the network in place, see `take_fold`.

        Parameters
        ----------
        volume : Tensor, shape (1, z, y, x)
            Preprocessed CTA.
        tiles : Tiles
            The tiles to run, one at least.

        Returns
        -------
        Tensor of half, shape (heads, z, y, x)
            Logits of the model's grid in `box_of(tiles)`, in main memory; background where no tile was run.
        """
        padded, _ = pad_nd_image(
            volume, self.configuration_manager.patch_size, "constant", {"value": 0}, return_slicer=True
        )
        box = padded[(slice(None), *tiles.box())]
        self._windows = tiles.windows()
        try:
            logits = self.predict_sliding_window_return_logits(box)
        except torch.OutOfMemoryError:
            self._on_notice("The GPU's memory did not suffice; the run goes on on the CPU, which takes longer.")
            self.device, self.perform_everything_on_device = torch.device("cpu"), False
            logits = self.predict_sliding_window_return_logits(box)
        shape = volume.shape[1:]
        inner = [
            slice(wanted.start + before - span.start, wanted.stop + before - span.start)
            for wanted, before, span in zip(self.box_of(tiles, shape), self.padding(shape), tiles.box(), strict=True)
        ]
        logits = logits[(slice(None), *inner)].to("cpu")
        if tiles.count < tiles.total:
            _make_background(logits)
        return logits

    def box_of(self, tiles: Tiles, shape: Sequence[int]) -> Slices:
        """Give the smallest box of the model's grid, of `shape`, that holds what the tiles label."""
        return tuple(
            slice(max(span.start - before, 0), min(span.stop - before, n))
            for span, before, n in zip(tiles.box(), self.padding(shape), shape, strict=True)
        )

    def _internal_get_sliding_window_slicers(self, image_size: tuple[int, ...]) -> list[Slices]:
        return self._windows

    def _internal_predict_sliding_window_return_logits(
        self, data: torch.Tensor, slicers: list[Slices], do_on_device: bool = True
    ) -> torch.Tensor:
        self._tiles_done = 0
        self._flat.clear()
        try:
            if not do_on_device:
                return self._logits_in_main_memory(data, slicers)
            return super()._internal_predict_sliding_window_return_logits(data, slicers, do_on_device)
        except torch.OutOfMemoryError:
            if do_on_device:
                self._on_notice("The GPU's memory did not suffice; the run goes on with sums in main memory.")
            raise
        finally:
            self._flat.clear()

    def _logits_in_main_memory(self, data: torch.Tensor, windows: Sequence[Slices]) -> torch.Tensor:
        """Sum up the tiles; where OpenVINO computes them, it has the cores to itself."""
        if self._convert is None:
            return self._summed(data, windows)
        threads = torch.get_num_threads()
        # PyTorch's threads wait for more work by spinning, and would take the cores from OpenVINO's.
        torch.set_num_threads(1)
        try:
            return self._summed(data, windows)
        finally:
            torch.set_num_threads(threads)

    def _summed(self, data: torch.Tensor, windows: Sequence[Slices]) -> torch.Tensor:
        """Do what nnU-Net does, without a second copy of the logits in its last step."""
        shape = data.shape[1:]
        logits = torch.zeros((self.label_manager.num_segmentation_heads, *shape), dtype=torch.half)
        weights = torch.zeros(shape, dtype=torch.half)
        weight = compute_gaussian(tuple(self.configuration_manager.patch_size), 1 / 8, 10, device=torch.device("cpu"))
        for window in windows:
            tile = data[window][None].contiguous().to(self.device)
            prediction = self._internal_maybe_mirror_and_predict(tile)[0].to("cpu")
            prediction *= weight
            logits[window] += prediction
            weights[window[1:]] += weight
        for logit in logits:
            torch.div(logit, weights, out=logit)
            if torch.isinf(logit).any():
                raise CalcScoreError("the networks gave infinite numbers, train them again")
        return logits

    def _internal_maybe_mirror_and_predict(self, x: torch.Tensor) -> torch.Tensor:
        prediction = self._flat_prediction(x)
        self._tiles_done += 1
        self._on_tile(self._tiles_done, len(self._windows))
        return prediction

    def _flat_prediction(self, x: torch.Tensor) -> torch.Tensor:
        """Predict a tile; one of a single value, such as air below the clipping range, only once a fold."""
        low, high = (float(value) for value in torch.aminmax(x))
        if low != high:
            return super()._internal_maybe_mirror_and_predict(x)
        if low not in self._flat:
            self._flat[low] = super()._internal_maybe_mirror_and_predict(x)
        # The caller weighs it in place.
        return self._flat[low].clone()


def _make_background(logits: torch.Tensor) -> None:
    """Let background win where no tile was run: there nnU-Net has divided zero by zero."""
    untouched = torch.isnan(logits[0])
    logits.masked_fill_(untouched, 0)
    logits[0].masked_fill_(untouched, 1)
