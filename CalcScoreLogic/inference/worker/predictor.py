"""nnU-Net's sliding window over the tiles that matter, with a word after every tile.

A tile's logits, and the order and the types in which tiles are summed up, are those of nnU-Net's own predictor. That
one is not imported: it brings PyTorch's compiler along, which takes longer to load than a small CTA to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from itertools import combinations, islice
from typing import Any

import torch
from acvl_utils.cropping_and_padding.padding import pad_nd_image
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, compute_steps_for_sliding_window

from ...errors import CalcScoreError
from .gpu import Pace, measured_copies
from .tiles import Slices, Tiles

_CONVERTER = ThreadPoolExecutor(1)
"""One for all ensembles: the network that is needed first is converted first."""

_Prediction = tuple[Slices, torch.Tensor]


class TilePredictor:
    """Predicts tiles, tells every one, and makes do with less of a GPU's memory where it does not suffice.

    Parameters
    ----------
    on_tile : callable
        Called after each tile with the number of tiles done and of all tiles of the fold.
    on_notice : callable
        Called with a sentence.
    device : torch.device
        Where the networks are run.
    tile_step_size : float
        Distance between tiles as a share of the tile.
    use_mirroring : bool
        Whether each tile is also predicted mirrored, along the axes that the model was trained for.

    Attributes
    ----------
    network : Module
        With the weights of the fold in place.
    list_of_parameters : list of mappings
        State dicts of the folds.
    plans_manager, configuration_manager, label_manager, dataset_json
        The model, in nnU-Net's terms.
    allowed_mirroring_axes : tuple of int or None
        Axes of (z, y, x) along which the model may be mirrored.
    """

    network: Any
    list_of_parameters: list[Any]
    plans_manager: Any
    configuration_manager: Any
    label_manager: Any
    dataset_json: Any
    allowed_mirroring_axes: tuple[int, ...] | None

    def __init__(
        self,
        on_tile: Callable[[int, int], None],
        on_notice: Callable[[str], None],
        device: torch.device,
        tile_step_size: float = 0.5,
        use_mirroring: bool = True,
    ) -> None:
        self._on_tile, self._on_notice = on_tile, on_notice
        self.tile_step_size, self.use_mirroring = tile_step_size, use_mirroring
        self._copies: int | None
        self.start_over(device)
        self._in_place: int | None = None
        self._convert: Callable[[int], torch.nn.Module] | None = None
        self._converted: dict[int, Future[torch.nn.Module]] = {}
        self._keeps_converted = False

    def start_over(self, device: torch.device) -> None:
        """Forget that an earlier CTA was too large for the GPU."""
        self.device = device
        self.sums_on_device = device.type == "cuda"
        # On a GPU the first tile tells; on a CPU several at once are no faster, and take more memory.
        self._copies = None if device.type == "cuda" else 1
        if device.type == "cuda":
            # All tiles have one shape, so the search for the fastest convolution pays.
            torch.backends.cudnn.benchmark = True

    def take_model(
        self, network: Any, plans: Any, configuration: Any, weights: list[Any], dataset: Any, axes: Any
    ) -> None:
        """Take a model in nnU-Net's terms.

        Parameters
        ----------
        network : Module
            The network.
        plans : PlansManager
            Its plans.
        configuration : ConfigurationManager
            The configuration that it was trained in.
        weights : list of mappings
            State dicts of the folds.
        dataset : dict
            Content of ``dataset.json``.
        axes : sequence of int or None
            Axes along which it may be mirrored.
        """
        self.network, self.list_of_parameters = network, weights
        self.plans_manager, self.configuration_manager, self.dataset_json = plans, configuration, dataset
        self.label_manager = plans.get_label_manager(dataset)
        self.allowed_mirroring_axes = None if axes is None else tuple(axes)

    def use_converted(self, convert: Callable[[int], torch.nn.Module], keep: bool) -> None:
        """Compute with other networks than nnU-Net's own; each is made while the one before it is at work.

        Parameters
        ----------
        convert : callable
            Gives the network with the weights at a position of ``list_of_parameters``.
        keep : bool
            Keep all of them for the next CTA, not only the one at work and the next one. Those that are not at work
            give the memory of their tiles back, where they have a method ``release``.
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
        if self._keeps_converted:
            self._release_unless(position)
        else:
            self.network = None
            wanted = (position, position + 1)
            self._converted = {at: network for at, network in self._converted.items() if at in wanted}
        self._begin_to_convert(position)
        self.network = self._converted[position].result()
        if position + 1 < len(self.list_of_parameters):
            self._begin_to_convert(position + 1)

    def let_go(self) -> None:
        """Free what OpenVINO computed with, unless it is kept for the next CTA."""
        if self._convert is None:
            return
        if self._keeps_converted:
            self._release_unless(None)
        else:
            self.network = None
            self._converted.clear()

    def _release_unless(self, position: int | None) -> None:
        for at, made in self._converted.items():
            if at != position and made.done() and made.exception() is None:
                release = getattr(made.result(), "release", None)
                if release is not None:
                    release()

    def _begin_to_convert(self, position: int) -> None:
        if position not in self._converted and self._convert is not None:
            self._converted[position] = _CONVERTER.submit(self._convert, position)

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
        logits = self._logits(padded[(slice(None), *tiles.box())], tiles.windows())
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

    def _logits(self, data: torch.Tensor, windows: Sequence[Slices]) -> torch.Tensor:
        """Sum up the tiles, with less of the GPU's memory each time that it does not suffice."""
        while True:
            # PyTorch's threads wait for more work by spinning, and would take the cores from OpenVINO's.
            threads = torch.get_num_threads()
            if self._convert is not None:
                torch.set_num_threads(1)
            try:
                with torch.inference_mode():
                    return self._summed(data, windows)
            except torch.OutOfMemoryError:
                if not self._make_do():
                    raise
            finally:
                torch.set_num_threads(threads)
            torch.cuda.empty_cache()

    def _make_do(self) -> bool:
        """Take less of the GPU's memory; tell whether that was possible."""
        if self._copies != 1:
            self._copies = 1
        elif self.sums_on_device:
            self.sums_on_device = False
            self._on_notice("The GPU's memory did not suffice; the run goes on with sums in main memory.")
        elif self.device.type != "cpu":
            self.device = torch.device("cpu")
            self._on_notice("The GPU's memory did not suffice; the run goes on on the CPU, which takes longer.")
        else:
            return False
        return True

    def _summed(self, data: torch.Tensor, windows: Sequence[Slices]) -> torch.Tensor:
        """Give the weighted mean of the tiles, summed up in half precision and in their order as nnU-Net does."""
        where = self.device if self.sums_on_device else torch.device("cpu")
        shape = data.shape[1:]
        logits = torch.zeros((self.label_manager.num_segmentation_heads, *shape), dtype=torch.half, device=where)
        weights = torch.zeros(shape, dtype=torch.half, device=where)
        patch = tuple(self.configuration_manager.patch_size)
        weight = compute_gaussian(patch, 1 / 8, 10, device=torch.device("cpu")).to(where)
        predictions = self._one_ahead(self._predictions(data, windows, where))
        for done, (window, prediction) in enumerate(predictions, start=1):
            # In place: it is this tile's own.
            prediction *= weight
            # Head by head: as a whole it would be made anew in single precision, which takes four times as long.
            for total, logit in zip(logits[window], prediction, strict=True):
                total += logit
            weights[window[1:]] += weight
            self._on_tile(done, len(windows))
        for logit in logits:
            torch.div(logit, weights, out=logit)
            if torch.isinf(logit).any():
                raise CalcScoreError("the networks gave infinite numbers, train them again")
        return logits

    def _one_ahead(self, predictions: Iterator[_Prediction]) -> Iterator[_Prediction]:
        """Let OpenVINO predict a tile while the one before it is summed up."""
        if self._convert is None:
            yield from predictions
            return

        def following() -> _Prediction | None:
            # The mode is a thread's own.
            with torch.inference_mode():
                return next(predictions, None)

        with ThreadPoolExecutor(1) as beside:
            coming = beside.submit(following)
            while (prediction := coming.result()) is not None:
                coming = beside.submit(following)
                yield prediction

    def _predictions(self, data: torch.Tensor, windows: Sequence[Slices], where: torch.device) -> Iterator[_Prediction]:
        """Give the logits of one tile after the other; those of a single value, such as air, are predicted once."""
        network = self.network.to(self.device).eval()
        on_device = data.to(where)
        flat: dict[float, torch.Tensor] = {}
        pace = Pace(self.device)
        with torch.autocast("cuda") if self.device.type == "cuda" else nullcontext():
            for window in windows:
                pace.keep()
                low, high = (float(value) for value in torch.aminmax(data[window]))
                tile = on_device[window][None].contiguous().to(self.device)
                if self._copies is None:
                    self._copies = measured_copies(network, tile) if self._mirrored_axes() else 1
                if low != high:
                    yield window, self._predict(network, tile).to(where)
                    continue
                if low not in flat:
                    flat[low] = self._predict(network, tile).to(where)
                yield window, flat[low].clone()

    def _mirrored_axes(self) -> tuple[int, ...]:
        """Give the axes of (z, y, x) along which tiles are mirrored."""
        return (self.allowed_mirroring_axes or ()) if self.use_mirroring else ()

    def _predict(self, network: Any, tile: torch.Tensor) -> torch.Tensor:
        """Give the mean logits of a tile and its mirrored copies, shape (heads, z, y, x)."""
        axes = self._mirrored_axes()
        copies = iter([chosen for count in range(len(axes) + 1) for chosen in combinations(axes, count)])
        total: torch.Tensor | None = None
        while together := list(islice(copies, self._copies)):
            batch = torch.cat([_flipped(tile, chosen, 2) for chosen in together])
            for chosen, logits in zip(together, network(batch), strict=True):
                turned_back = _flipped(logits, chosen, 1)
                total = turned_back if total is None else total.add_(turned_back)
        assert total is not None  # noqa: S101
        if not torch.isfinite(total).all():
            # Else they would become background: no calcification, without a word.
            raise CalcScoreError(
                "the networks gave values that are no finite numbers, so nothing can be told; run them with "
                "--device cpu --engine torch, and train them again where that does not help"
            )
        return total.div_(2 ** len(axes)) if axes else total


def _flipped(tensor: torch.Tensor, axes: Sequence[int], first: int) -> torch.Tensor:
    """Mirror a tensor along some of its axes (z, y, x), of which `first` is the number of the first."""
    return torch.flip(tensor, [axis + first for axis in axes]) if axes else tensor


def _make_background(logits: torch.Tensor) -> None:
    """Let background win where no tile was run: there nnU-Net has divided zero by zero."""
    untouched = torch.isnan(logits[0])
    logits.masked_fill_(untouched, 0)
    logits[0].masked_fill_(untouched, 1)
