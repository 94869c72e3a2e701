"""Checkpoints of nnU-Net, read without running anything that is in them.

A checkpoint is a zip that PyTorch writes: one pickle, and one record a tensor. Unpickling calls what the
pickle names, so a crafted one runs code. `read_header` looks into the pickle without PyTorch and calls
nothing; `safe_loading` makes PyTorch build tensors and plain values only.
"""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import re
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import CalcScoreError, InputError, unreadable
from . import nnunet_names as names
from .json_objects import shown
from .plans import CONFIGURATION

_FORCE, _FORCE_NOT = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_MAX_PICKLE_BYTES = 64 * 2**20
_COUNTER = "num_batches_tracked"
"""How the only whole number of a network is called: one a batch normalization, of no use in a prediction."""

_COPY_AGAIN = "copy it again from where the model was trained"
_DISTRUST = "do not use a model that came with it"


@dataclass(frozen=True)
class CheckpointHeader:
    """What a checkpoint says about itself.

    Attributes
    ----------
    trainer : str
        Class that trained it, one of nnU-Net's own.
    fold : str
        Fold that it was trained for.
    mirroring_axes : tuple of int
        Axes of the network along which tiles may be mirrored in a prediction.
    """

    trainer: str
    fold: str
    mirroring_axes: tuple[int, ...]


def read_header(path: Path) -> CheckpointHeader:
    """Check a checkpoint without PyTorch, and read what it says about itself.

    Parameters
    ----------
    path : Path
        The checkpoint.

    Returns
    -------
    CheckpointHeader
        Trainer, fold and mirroring axes.

    Raises
    ------
    InputError
        It is cut short, damaged, no checkpoint of nnU-Net's 3d_fullres, or names what nnU-Net never stores.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if not start:
            raise InputError(f"{path}: the checkpoint is empty (0 bytes), {_COPY_AGAIN}")
        if start != b"PK\x03\x04":
            raise InputError(f"{path}: this is not a checkpoint that PyTorch wrote, give the folder that nnU-Net made")
        with zipfile.ZipFile(path) as archive:
            return _check_content(path, _read_pickle(path, archive))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError):
        raise InputError(f"{path}: the checkpoint is cut short or damaged, {_COPY_AGAIN}") from None
    except FileNotFoundError:
        raise InputError(f"{path}: this file is missing, train the fold to its end or {_COPY_AGAIN}") from None
    except OSError as error:
        raise unreadable(path, error) from None


def check_checkpoint(path: Path) -> CheckpointHeader:
    """Check a checkpoint by loading it with PyTorch, safely.

    Parameters
    ----------
    path : Path
        The checkpoint.

    Returns
    -------
    CheckpointHeader
        Trainer, fold and mirroring axes.

    Raises
    ------
    InputError
        What `read_header` refuses, tensors that cannot be read, and anything that `safe_loading` refuses.
    """
    header = read_header(path)
    with safe_loading(path):
        import torch

        try:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, MemoryError):
            raise
        except Exception:
            raise InputError(f"{path}: PyTorch cannot read the checkpoint, {_COPY_AGAIN}") from None
    check_weights(path, checkpoint["network_weights"])
    return header


def check_weights(path: Path, weights: Mapping[str, Any]) -> None:
    """Check the weights of a network, which were loaded safely.

    Parameters
    ----------
    path : Path
        The checkpoint, for messages.
    weights : mapping of str to Tensor
        By the names of the network's parameters.

    Raises
    ------
    InputError
        Something is no tensor, no floating-point number, or not finite: where a network gives NaN, the label maps show
        background.
    """
    import torch

    if not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise InputError(f"{path}: 'network_weights' holds something else than tensors, {_DISTRUST}")
    for name, value in weights.items():
        if name.endswith(_COUNTER):
            continue
        if not value.is_floating_point():
            kind = str(value.dtype).removeprefix("torch.")
            raise InputError(f"{path}: the weights {name!r:.80} are stored as {kind} and not as floating-point numbers")
        if not torch.isfinite(value).all():
            raise InputError(
                f"{path}: the weights {name!r:.80} are not all finite, the training of this fold went wrong; train it "
                "again"
            )


@contextmanager
def safe_loading(path: Path | None = None) -> Iterator[None]:
    """Let ``torch.load`` build nothing but tensors and plain values, whoever calls it and however.

    Made to be put around ``nnUNetPredictor.initialize_from_trained_model_folder``, which asks for unsafe
    loading. It acts on the whole process.

    Parameters
    ----------
    path : Path, optional
        File or folder that is loaded, for the message.

    Raises
    ------
    InputError
        What is loaded needs more than that.
    CalcScoreError
        PyTorch is older than 2.6, whose safe loading is not safe (CVE-2025-32434).
    """
    import torch

    version = tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2])
    if version < (2, 6):
        raise CalcScoreError(f"PyTorch {torch.__version__} cannot load checkpoints safely, install 2.6 or later")
    before = {name: os.environ.get(name) for name in (_FORCE, _FORCE_NOT)}
    os.environ.pop(_FORCE_NOT, None)
    os.environ[_FORCE] = "1"
    try:
        with torch.serialization.safe_globals(_SAFE_GLOBALS):
            yield
    except pickle.UnpicklingError:
        where = f"{path}: " if path else ""
        raise InputError(f"{where}a checkpoint holds what nnU-Net never stores there, {_DISTRUST}") from None
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


class _PlainType:
    """Takes the place of ``numpy.dtype``, which trusts what it is given."""

    def __init__(self, code: str, *_flags: Any) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[fiu][1248]|b1", code):
            raise pickle.UnpicklingError(f"{code!r:.40} is no number type")
        self.code = code
        self.order = "<"

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"{state!r:.40} is no byte order")
        self.order = state[1]


def _plain_scalar(kind: Any, data: Any) -> Any:
    """Take the place of ``numpy.core.multiarray.scalar``, which trusts what it is given."""
    import numpy as np

    if not isinstance(kind, _PlainType) or not isinstance(data, bytes):
        raise pickle.UnpicklingError("a numpy value is not a number")
    dtype = np.dtype(kind.order + kind.code)
    if len(data) != dtype.itemsize:
        raise pickle.UnpicklingError("a numpy value has the wrong size")
    return np.frombuffer(data, dtype)[0]


_SAFE_GLOBALS: list[Any] = [
    (_PlainType, "numpy.dtype"),
    (_plain_scalar, "numpy.core.multiarray.scalar"),
    (_plain_scalar, "numpy._core.multiarray.scalar"),
]


class _Inert:
    """Takes the place of whatever a pickle names: being called or filled does nothing."""

    def __init__(self, *arguments: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class _HeaderUnpickler(pickle.Unpickler):
    """Builds plain values, and an `_Inert` for all else."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        super().__init__(file)
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        """Import nothing."""
        full = f"{module}.{name}"
        if full not in names.PICKLED:
            raise InputError(
                f"{self._path}: the checkpoint names {shown(full)}, which nnU-Net never stores, {_DISTRUST}"
            )
        return OrderedDict if full == "collections.OrderedDict" else _Inert

    def persistent_load(self, pid: Any) -> Any:
        """Leave out the tensors' values."""
        return _Inert()


def _read_pickle(path: Path, archive: zipfile.ZipFile) -> Any:
    """Test every record of a checkpoint and read its pickle."""
    records = archive.infolist()
    pickles = [record for record in records if record.filename.endswith("/data.pkl")]
    # TorchScript is another format, which PyTorch would load as a program.
    if len(pickles) != 1 or any(record.filename.endswith("/constants.pkl") for record in records):
        raise InputError(f"{path}: this is not a checkpoint that PyTorch wrote, give the folder that nnU-Net made")
    # PyTorch stores records as they are: a compressed one may unpack to any size.
    if any(record.compress_type != zipfile.ZIP_STORED or record.flag_bits & 1 for record in records):
        raise InputError(f"{path}: the checkpoint is compressed or encrypted, {_COPY_AGAIN}")
    if pickles[0].file_size > _MAX_PICKLE_BYTES:
        raise InputError(f"{path}: the checkpoint describes far more than a network, {_DISTRUST}")
    if archive.testzip() is not None:
        raise InputError(f"{path}: the checkpoint is damaged, {_COPY_AGAIN}")
    data = archive.read(pickles[0])
    try:
        _check_operations(path, data)
        return _HeaderUnpickler(path, io.BytesIO(data)).load()
    except InputError:
        raise
    # A pickle that makes no sense can raise anything.
    except Exception:
        raise InputError(f"{path}: the checkpoint's pickle makes no sense, {_COPY_AGAIN}") from None


def _check_operations(path: Path, data: bytes) -> None:
    """Refuse operations that PyTorch does not write, some of which take any amount of memory."""
    for operation, argument, _ in pickletools.genops(data):
        # The place of a memo: one far out makes Python's unpickler allocate everything before it.
        far = operation.name == "LONG_BINPUT" and int(argument or 0) > len(data)
        if far or operation.name not in names.PICKLE_OPERATIONS:
            raise InputError(
                f"{path}: the checkpoint's pickle uses {operation.name} as nnU-Net never does, {_DISTRUST}"
            )


def _check_content(path: Path, content: Any) -> CheckpointHeader:
    """Refuse a checkpoint that lacks what nnU-Net reads from it."""
    # Exactly these types: a subclass may carry attributes that hide its methods.
    if type(content) is not dict:
        raise InputError(f"{path}: this is a PyTorch file but not a checkpoint of nnU-Net, give the one it made")
    for key, kinds in (("network_weights", (dict, OrderedDict)), ("init_args", (dict,)), ("trainer_name", (str,))):
        if type(content.get(key)) not in kinds:
            raise InputError(f"{path}: the checkpoint has no {key!r}, give the one that nnU-Net made")
    if not content["network_weights"]:
        raise InputError(f"{path}: 'network_weights' is empty, give the checkpoint that nnU-Net made")
    configuration = content["init_args"].get("configuration")
    if configuration != CONFIGURATION:
        raise InputError(f"{path}: the configuration is {shown(configuration)}, train '{CONFIGURATION}'")
    trainer = content["trainer_name"]
    if trainer not in names.TRAINERS:
        raise InputError(f"{path}: it was trained by {shown(trainer)}, which is not one of nnU-Net's own trainers")
    fold = content["init_args"].get("fold")
    if isinstance(fold, bool) or not isinstance(fold, (int, str)):
        raise InputError(f"{path}: the fold is {shown(fold)} and should be a number, {_COPY_AGAIN}")
    axes = content.get("inference_allowed_mirroring_axes")
    if axes is not None and not (isinstance(axes, (tuple, list)) and all(axis in (0, 1, 2) for axis in axes)):
        raise InputError(f"{path}: the mirroring axes are {shown(axes)} and should be some of 0, 1, 2, {_COPY_AGAIN}")
    return CheckpointHeader(trainer, str(fold), tuple(axes or ()))
