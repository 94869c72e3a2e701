"""First use: what is missing of Python's packages is named, asked for once, and installed."""

from __future__ import annotations

import importlib
import importlib.util
import re
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import slicer

from CalcScoreLogic.errors import CalcScoreError, InputError

from . import settings
from .translation import _

_KEEP = ("SimpleITK", "torch", "requests")
"""Slicer's own, or the PyTorch extension's: never replaced."""

_REQUESTER = "CalcScore"


@dataclass(frozen=True)
class Package:
    """A package that may have to be installed.

    Attributes
    ----------
    name : str
        What Python imports.
    requirement : str
        What pip is asked for.
    megabytes : int
        Rough size of the download, with what it needs.
    """

    name: str
    requirement: str
    megabytes: int


_ALWAYS = (Package("platformdirs", "platformdirs>=3.0", 1),)
_TORCH = Package("torch", "torch>=2.6", 900)
_HIGHDICOM = Package("highdicom", "highdicom>=0.28", 10)
_NNUNET = Package("nnunetv2", "nnunetv2>=2.6", 150)


def missing_packages(networks: bool, dicom: bool = False) -> tuple[Package, ...]:
    """Name what is missing in this Python.

    Parameters
    ----------
    networks : bool
        Whether the networks are to be run; another interpreter that the user chose brings its own.
    dicom : bool
        Whether DICOM objects are to be written.

    Returns
    -------
    tuple of Package
        In the order in which they are to be installed.
    """
    wanted = [*_ALWAYS]
    if networks and not settings.chosen_interpreter():
        wanted += [_TORCH, _NNUNET]
    if dicom:
        wanted.append(_HIGHDICOM)
    return tuple(package for package in wanted if importlib.util.find_spec(package.name) is None)


def ensure(networks: bool, dicom: bool = False) -> bool:
    """Install what is missing, after asking once.

    Parameters
    ----------
    networks : bool
        Whether the networks are to be run.
    dicom : bool
        Whether DICOM objects are to be written.

    Returns
    -------
    bool
        Whether all is there; False where the user declined.

    Raises
    ------
    InputError
        PyTorch is missing and so is the extension that installs it.
    CalcScoreError
        An installation failed.
    """
    missing = missing_packages(networks, dicom)
    if not missing:
        return True
    if _TORCH in missing:
        _torch_logic()
    if not slicer.util.confirmOkCancelDisplay(_question(missing), _("CalcScore: first use")):
        return False
    with slicer.util.WaitCursor():
        for package in missing:
            _install(package)
    importlib.invalidate_caches()
    return True


def _question(missing: tuple[Package, ...]) -> str:
    lines = "\n".join(
        _("• {requirement}, about {size} MB").format(requirement=package.requirement, size=package.megabytes)
        for package in missing
    )
    return _(
        "CalcScore needs these Python packages, once:\n\n{lines}\n\nThey are downloaded into Slicer's own Python; "
        "Slicer's SimpleITK stays as it is. This takes a few minutes, and Slicer does not respond meanwhile. Install?"
    ).format(lines=lines)


def _install(package: Package) -> None:
    try:
        if package is _TORCH:
            _install_torch()
        elif package is _NNUNET:
            _install_nnunet()
        else:
            slicer.util.pip_install([package.requirement])
    except CalcScoreError:
        raise
    except Exception as error:
        raise CalcScoreError(
            _("{name} could not be installed ({error}); check the network connection, then Analyze again").format(
                name=package.name, error=str(error).strip().splitlines()[-1] if str(error).strip() else "pip"
            )
        ) from error


def _torch_logic() -> Any:
    """Give the logic of the PyTorch extension."""
    try:
        import PyTorchUtils
    except ImportError as error:
        raise InputError(
            _(
                "The networks need PyTorch: install the extension PyTorch in the Extensions Manager, restart Slicer, "
                "then Analyze again"
            )
        ) from error
    return PyTorchUtils.PyTorchUtilsLogic()


def _install_torch() -> None:
    if _torch_logic().installTorch(askConfirmation=False, torchVersionRequirement=">=2.6") is None:
        raise CalcScoreError(_("PyTorch could not be installed; see the module PyTorch Util"))


def _install_nnunet() -> None:
    """Install nnU-Net beside Slicer's own SimpleITK."""
    packaging = _packaging()
    if packaging is not None:
        packaging.pip_ensure(
            [_NNUNET.requirement],
            skip_packages=list(_KEEP),
            prompt_install=False,
            prompt_restart=False,
            requester=_REQUESTER,
            skip_in_testing=False,
        )
        return
    slicer.util.pip_install(["--no-deps", _NNUNET.requirement])
    needed = [line for line in metadata.requires(_NNUNET.name) or [] if _wanted(line)]
    slicer.util.pip_install(needed)


def _packaging() -> Any:
    """Give `slicer.packaging`, which came with Slicer 5.11; None before."""
    try:
        return importlib.import_module("slicer.packaging")
    except ImportError:
        return None


def _wanted(requirement: str) -> bool:
    """Tell whether a dependency is to be installed: no extras, and none that Slicer has of its own."""
    name = re.split(r"[\s<>=!~;\[(]", requirement, maxsplit=1)[0]
    kept = {kept.lower() for kept in _KEEP}
    return "extra ==" not in requirement and name.lower() not in kept
