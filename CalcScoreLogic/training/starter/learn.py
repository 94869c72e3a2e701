"""The training of one trunk or fold, as a process: ``python -m CalcScoreLogic.training.starter.learn``."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...atomic import atomic_path
from ...errors import InputError
from ...models import Role
from ..processes import run_process
from ..recipe import CONFIGURATION
from ..workspace import FINAL, LATEST, Workspace
from .parts import START, TRUNK, part_folder
from .recipe import CLIP_HU, EPOCH, SCALE_HU, StarterNetwork, StarterRecipe
from .stream import PatchStream, Source

if TYPE_CHECKING:
    import torch

    from .network import Average

_SAVE_SECONDS = 120.0
_WARM_UP = 10
_GRADIENT_LIMIT = 12.0  # nnU-Net's own
_LOOK, _REMEMBERED = 4, 0.9


@dataclass
class _State:
    """A training under way."""

    network: torch.nn.Module
    optimizer: torch.optim.Optimizer
    average: Average
    device: torch.device
    iteration: int = 0
    dice: dict[int, float] = field(default_factory=dict)


def learn(workspace: Workspace, role: Role, fold: int) -> None:
    """Train the trunk or a fold; one that is finished is left as it is, an interrupted one goes on.

    Parameters
    ----------
    workspace : Workspace
        A prepared one.
    role : Role
        The ensemble.
    fold : int
        The fold, or `TRUNK`.

    Raises
    ------
    InputError
        A fold starts from a trunk that is not trained.
    """
    recipe = workspace.starter_recipe()
    folder = part_folder(workspace, role, recipe, fold)
    if (folder / FINAL).is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    network = recipe.networks[role]
    state, labels = _begin(workspace, role, recipe, fold)
    # A resumed training sees new patches: the random stream is named by where it goes on.
    seed = (recipe.seed, list(Role).index(role), fold + 1, state.iteration)
    files = [Path(anatomy["file"]) for anatomy in workspace.settings()["anatomies"]]
    workers = 1 if state.device.type == "cpu" else max(1, (os.cpu_count() or 2) - 2)
    with PatchStream(Source.of(files, role, network, seed, fold == TRUNK), workers, network.uses) as stream:
        _run(state, stream, network, labels, fold, folder / LATEST)
    _write(state, fold, folder / FINAL, final=True)


def learning_rate(network: StarterNetwork, fold: int, iteration: int) -> float:
    """Give the learning rate of an iteration: straight down, after a short rise.

    Parameters
    ----------
    network : StarterNetwork
        Its rates and epochs.
    fold : int
        The fold, or `TRUNK`.
    iteration : int
        From 0.

    Returns
    -------
    float
        Above 0.
    """
    if fold == TRUNK:
        first, last = network.rates
    else:
        first, last = network.rates[1 if network.trunk_epochs else 0], 0.0
    done = iteration / iterations_of(network, fold)
    return (first + (last - first) * done) * min(1.0, (iteration + 1) / _WARM_UP)


def iterations_of(network: StarterNetwork, fold: int) -> int:
    """Count the iterations of the trunk or a fold."""
    return EPOCH * (network.trunk_epochs if fold == TRUNK else network.fold_epochs)


def _begin(workspace: Workspace, role: Role, recipe: StarterRecipe, fold: int) -> tuple[_State, int]:
    """Build the network and give it the weights that it starts or goes on from."""
    import torch

    from .network import Average, build, take_over

    root = workspace.trained(role, recipe)
    plans = json.loads((root / "plans.json").read_text("utf-8"))
    labels = len(json.loads((root / "dataset.json").read_text("utf-8"))["labels"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(1000 * recipe.seed + 10 * list(Role).index(role) + fold + 1)
    network = build(plans, labels, device)
    folder = part_folder(workspace, role, recipe, fold)
    latest = _read(folder / LATEST)
    if latest is None:
        start = _first_weights(workspace, role, recipe, fold)
        if start is not None:
            take_over(network, start)
    else:
        network.load_state_dict(latest["network_weights"])
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-2, betas=(0.9, 0.99))
    state = _State(network, optimizer, Average(network), device)
    if latest is not None:
        optimizer.load_state_dict(latest["optimizer_state"])
        state.average.weights = [weights.to(device) for weights in latest["average"]]
        state.iteration = latest["iteration"]
    return state, labels


def _first_weights(workspace: Workspace, role: Role, recipe: StarterRecipe, fold: int) -> Any:
    """Give the weights that a trunk or a fold starts from; None: random ones."""
    folder = part_folder(workspace, role, recipe, fold)
    if fold == TRUNK:
        start = _read(folder / START)
        return None if start is None else start["network_weights"]
    if not recipe.networks[role].trunk_epochs:
        return None
    trunk = _read(part_folder(workspace, role, recipe, TRUNK) / FINAL)
    if trunk is None:
        raise InputError(f"{folder.parent}: the folds start from the trunk, train it first")
    return trunk["network_weights"]


def _read(path: Path) -> Any:
    """Read a checkpoint of ours; None where there is none."""
    import torch

    return torch.load(path, map_location="cpu", weights_only=True) if path.is_file() else None


def _write(state: _State, fold: int, path: Path, final: bool = False) -> None:
    """Write a checkpoint whole or not at all: of nnU-Net's form, with the averaged weights at the end."""
    import torch

    content: dict[str, Any] = {
        "network_weights": state.average.state() if final else state.network.state_dict(),
        "trainer_name": "nnUNetTrainer",
        "init_args": {"configuration": CONFIGURATION, "fold": max(fold, 0)},
        # The side of the body tells the aorta from the inferior vena cava: no mirrored copies.
        "inference_allowed_mirroring_axes": None,
        "iteration": state.iteration,
    }
    if not final:
        content["optimizer_state"] = state.optimizer.state_dict()
        content["average"] = state.average.weights
    with atomic_path(path) as part:
        torch.save(content, part)


def _run(state: _State, stream: PatchStream, network: StarterNetwork, labels: int, fold: int, latest: Path) -> None:
    """Do the iterations that are left."""
    import torch

    from .losses import starter_loss

    outputs = len(network.features) - 1
    loss = starter_loss(labels, network.label_weights, network.cross_entropy_weights, outputs, state.device)
    meter = _Meter()
    saved = time.monotonic()
    state.network.train()
    while state.iteration < iterations_of(network, fold):
        for group in state.optimizer.param_groups:
            group["lr"] = learning_rate(network, fold, state.iteration)
        before = time.monotonic()
        patches = [stream.take() for _ in range(network.batch_size)]
        meter.waited += time.monotonic() - before
        meter.losses.append(_step(state, patches, loss))
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), _GRADIENT_LIMIT)
        state.optimizer.step()
        state.average.update(state.iteration)
        state.iteration += 1
        if state.iteration % (10 * EPOCH) == 0:
            meter.tell(state)
        if time.monotonic() - saved > _SAVE_SECONDS:
            _write(state, fold, latest)
            saved = time.monotonic()


class _Meter:
    """What is told of an epoch."""

    def __init__(self) -> None:
        self.began, self.waited = time.monotonic(), 0.0
        self.losses: list[float] = []

    def tell(self, state: _State) -> None:
        """Print a line that `processes` finds in the log, and begin anew."""
        count = max(1, len(self.losses))
        dice = " ".join(f"{label}:{value:.2f}" for label, value in sorted(state.dice.items()))
        seconds = (time.monotonic() - self.began) / count
        print(
            f"Epoch {state.iteration // EPOCH} : loss {sum(self.losses) / count:.3f}, Dice {dice}, "
            f"{seconds:.2f} s an iteration of which {self.waited / count:.2f} s waiting for patches",
            flush=True,
        )
        self.began, self.waited, self.losses = time.monotonic(), 0.0, []


def _step(state: _State, patches: list[Any], loss: torch.nn.Module) -> float:
    """Compute the gradients of a batch; give the loss."""
    import torch

    # On a CPU one at a time, which `network.ChannelsLastNorm` makes fast.
    groups = [patches] if state.device.type != "cpu" else [[patch] for patch in patches]
    state.optimizer.zero_grad(set_to_none=True)
    total = 0.0
    for group in groups:
        images = torch.stack([torch.from_numpy(image) for image, _ in group]).to(state.device).float()[:, None]
        images = (images.clamp(*CLIP_HU) - CLIP_HU[0]) / SCALE_HU
        target = torch.stack([torch.from_numpy(labels) for _, labels in group]).to(state.device).long()[:, None]
        with torch.autocast(state.device.type, torch.bfloat16):
            outputs = state.network(images.contiguous(memory_format=torch.channels_last_3d))
        targets = [target[..., :: 2**n, :: 2**n, :: 2**n] for n in range(len(outputs))]
        value = loss([output.float() for output in outputs], targets)
        (value / len(groups)).backward()
        total += float(value.detach()) / len(groups)
        if state.iteration % _LOOK == 0:
            _remember(state.dice, outputs[0].detach(), target)
    return total


def _remember(dice: dict[int, float], logits: torch.Tensor, target: torch.Tensor) -> None:
    """Keep a running Dice of each label that is in the patches."""
    found, truth = logits.argmax(1), target[:, 0]
    for label in truth.unique().tolist():
        a, b = found == label, truth == label
        value = float(2 * (a & b).sum() / (a.sum() + b.sum()))
        dice[label] = _REMEMBERED * dice.get(label, value) + (1 - _REMEMBERED) * value


if __name__ == "__main__":
    run_process(learn, __doc__, "fold")
