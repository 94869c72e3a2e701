"""How the ensembles are run."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from ..models import Model

DEVICES = ("auto", "cpu", "cuda", "mps")
ENGINES = ("auto", "torch", "openvino", "openvino-bf16")

SMALLEST_STEP = 0.1
"""At this step there are 125 times as many tiles as at nnU-Net's 0.5; below it a run would hardly end."""

MOST_THREADS = 1024
"""More than any machine has cores; with far more, the networks' process dies."""


@dataclass(frozen=True)
class InferenceOptions:
    """How the ensembles are run; the defaults are nnU-Net's, and the paper's.

    Parameters
    ----------
    folds : tuple of int, optional
        Folds that are averaged; all that a model has by default.
    mirroring : bool
        Average over mirrored copies of each tile, along the axes the model allows.
    step_size : float
        Distance between tiles as a share of the tile, 0.1 to 1.
    device : str
        ``"auto"`` (a GPU where there is one), ``"cpu"``, ``"cuda"`` or ``"mps"``.
    threads : int, optional
        CPU threads; all cores by default.
    engine : str
        What computes the networks on a CPU: ``"torch"``, ``"openvino"``, ``"openvino-bf16"`` (half the precision,
        where the processor has it), or ``"auto"``: OpenVINO in full precision where it is installed.
    whole_volume : bool
        Run the calcification ensemble on the whole volume, not only where tiles reach the trimmed arteries.
    first_look : bool
        Let one fold find the arteries with tiles side by side, and run the ensemble around them only.

    Raises
    ------
    InputError
        A value that cannot be used.
    """

    folds: tuple[int, ...] | None = None
    mirroring: bool = True
    step_size: float = 0.5
    device: str = "auto"
    threads: int | None = None
    engine: str = "auto"
    whole_volume: bool = False
    first_look: bool = False

    def __post_init__(self) -> None:
        if self.folds is not None:
            # From JSON it comes as a list.
            object.__setattr__(self, "folds", tuple(self.folds))
            if not self.folds or len(set(self.folds)) < len(self.folds) or min(self.folds) < 0:
                raise InputError(f"the folds are {list(self.folds)}, give different numbers from 0 on")
        if not SMALLEST_STEP <= self.step_size <= 1:
            raise InputError(f"the step size is {self.step_size:g}, it runs from {SMALLEST_STEP:g} to 1")
        if self.device not in DEVICES:
            raise InputError(f"the device is {self.device!r}, choose one of {', '.join(DEVICES)}")
        if self.engine not in ENGINES:
            raise InputError(f"the engine is {self.engine!r}, choose one of {', '.join(ENGINES)}")
        if self.threads is not None and not 1 <= self.threads <= MOST_THREADS:
            raise InputError(f"the number of threads is {self.threads}, it runs from 1 to {MOST_THREADS}")

    def folds_of(self, model: Model) -> tuple[int, ...]:
        """Give the folds of a model that are averaged."""
        return model.folds if self.folds is None else self.folds

    def cpu_engine(self) -> str:
        """Give the engine that a CPU takes: for ``"auto"`` OpenVINO where this Python has it, else PyTorch."""
        if self.engine != "auto":
            return self.engine
        return "openvino" if importlib.util.find_spec("openvino") is not None else "torch"
