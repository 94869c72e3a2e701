"""Which converted networks the predictor has, and when it asks for them; the networks themselves are stand-ins."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("nnunetv2", reason="nnunetv2 is not installed")

from CalcScoreLogic.errors import CalcScoreError  # noqa: E402
from CalcScoreLogic.inference.worker.gpu import copies_that_fit  # noqa: E402
from CalcScoreLogic.inference.worker.predictor import TilePredictor  # noqa: E402


class Asked:
    """A predictor of three folds, and the folds that were converted for it, in their order."""

    def __init__(self, keep: bool) -> None:
        self.folds: list[int] = []
        self.made = [torch.nn.Identity() for _ in range(3)]
        self.predictor = TilePredictor(lambda *tile: None, lambda text: None, torch.device("cpu"))
        self.predictor.list_of_parameters = [{}, {}, {}]
        self.predictor.use_converted(self._convert, keep)

    def _convert(self, position: int) -> torch.nn.Module:
        self.folds.append(position)
        return self.made[position]

    def take(self, position: int) -> None:
        self.predictor.take_fold(position)
        assert self.predictor.network is self.made[position]


@pytest.mark.parametrize("keep", [False, True])
def test_each_network_is_converted_once_in_a_run_with_a_first_look(keep: bool) -> None:
    asked = Asked(keep)
    for position in (0, 0, 1, 2):
        asked.take(position)
    assert asked.folds == [0, 1, 2]


def test_kept_networks_serve_the_next_cta_and_others_are_converted_again() -> None:
    kept, others = Asked(True), Asked(False)
    for asked in (kept, others):
        for _cta in range(2):
            for position in range(3):
                asked.take(position)
            asked.predictor.let_go()
    assert kept.folds == [0, 1, 2]
    assert others.folds == [0, 1, 2, 0, 1, 2]
    assert kept.predictor.network is kept.made[2]
    assert others.predictor.network is None
    assert not others.predictor._converted


def test_kept_networks_that_are_not_at_work_give_memory_back() -> None:
    asked = Asked(True)
    released: list[int] = []
    for position, network in enumerate(asked.made):
        network.release = lambda position=position: released.append(position)
    asked.take(0)
    assert released == []
    asked.take(1)
    assert released == [0]
    asked.predictor.let_go()
    assert {0, 1} <= set(released)


def test_what_goes_wrong_in_a_conversion_is_raised_where_the_network_is_taken() -> None:
    predictor = TilePredictor(lambda *tile: None, lambda text: None, torch.device("cpu"))
    predictor.list_of_parameters = [{}]

    def fail(position: int) -> torch.nn.Module:
        raise ZeroDivisionError

    predictor.use_converted(fail, False)
    with pytest.raises(ZeroDivisionError):
        predictor.take_fold(0)


@pytest.mark.parametrize("together", [1, 3, 8])
def test_mirrored_copies_are_averaged_whatever_number_is_predicted_at_once(together: int) -> None:
    torch.manual_seed(0)
    network, tile = torch.nn.Conv3d(1, 2, 3, padding=1).double(), torch.randn(1, 1, 4, 5, 6, dtype=torch.double)
    predictor = TilePredictor(lambda *tile: None, lambda text: None, torch.device("cpu"))
    predictor.allowed_mirroring_axes, predictor._copies = (0, 1, 2), together
    with torch.inference_mode():
        found = predictor._predict(network, tile)
        expected = torch.zeros_like(found)
        for z, y, x in np.ndindex(2, 2, 2):
            step = np.array([1, 1, 1 - 2 * z, 1 - 2 * y, 1 - 2 * x])
            mirrored = np.ascontiguousarray(tile.numpy()[tuple(slice(None, None, s) for s in step)])
            logits = network(torch.from_numpy(mirrored)).numpy()[tuple(slice(None, None, s) for s in step)]
            expected += torch.from_numpy(logits[0].copy()) / 8
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("tile_gb", "free_gb", "copies"), [(1, 20, 8), (2, 12, 4), (2, 5.1, 2), (2, 1, 1), (0, 1, 8)])
def test_as_many_copies_as_the_gpu_has_room_for(tile_gb: float, free_gb: float, copies: int) -> None:
    """80 % of the free memory is taken: of 12 GB 9.6, which hold four tiles of 2 GB."""
    assert copies_that_fit(int(tile_gb * 2**30), int(free_gb * 2**30)) == copies


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_told_and_do_not_become_background(value: float) -> None:
    predictor = TilePredictor(lambda *tile: None, lambda text: None, torch.device("cpu"))
    predictor.allowed_mirroring_axes = None
    tile = torch.zeros(1, 1, 2, 2, 2)
    assert predictor._predict(torch.nn.Identity(), tile).shape == (1, 2, 2, 2)
    tile[0, 0, 1, 0, 1] = value
    with pytest.raises(CalcScoreError, match="no finite numbers"):
        predictor._predict(torch.nn.Identity(), tile)
