"""What a fresh installation says and does: no networks, no packages."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import types
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import slicer
from CalcScoreLib import install, settings
from CalcScoreLib.analysis import Analysis

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.inference.run import RunState
from CalcScoreLogic.models import Role
from Testing.logic.model_folders import NEEDS_NNUNET, make_pair
from Testing.slicer import harness


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let packages be missing."""
    real, real_version = importlib.util.find_spec, metadata.version
    gone: set[str] = set()

    def version(name: str) -> str:
        if name in gone:
            raise metadata.PackageNotFoundError(name)
        return real_version(name)

    def lack(*names: str) -> None:
        gone.update(names)
        monkeypatch.setattr("importlib.metadata.version", version)
        monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name in gone else real(name, *rest))

    return lack


class _TorchLogic:
    """What the PyTorch extension's logic does, without the download."""

    asked: list[dict[str, Any]]

    def installTorch(self, **options: Any) -> Any:  # noqa: N802 - name is the extension's
        type(self).asked.append(options)
        return types.ModuleType("torch")


@pytest.fixture
def pytorch_extension(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The PyTorch extension is installed; gives what is asked of it."""
    _TorchLogic.asked = []
    module = types.ModuleType("PyTorchUtils")
    module.PyTorchUtilsLogic = _TorchLogic  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "PyTorchUtils", module)
    return _TorchLogic.asked


def test_without_networks_the_panel_offers_what_needs_none(
    panel: Any, cta: Any, arteries: Any, picture: Callable[[str], Path]
) -> None:
    panel.parameters.cta = cta
    assert picture("first_open").stat().st_size > 0
    assert panel.ui.modelsHint.visible
    assert panel.ui.modelsHintLabel.text.startswith("No networks are installed.")
    assert not panel.ui.analyzeButton.enabled
    panel.parameters.arteries_from, panel.parameters.artery_segmentation = "segments", arteries
    assert panel.ui.modelsHintLabel.text.startswith("No calcification network is installed.")
    panel.parameters.calcification_from = "threshold"
    assert not panel.ui.modelsHint.visible
    assert panel.ui.analyzeButton.enabled


def test_networks_are_looked_for_again_once_packages_are_there(
    panel: Any, cta: Any, lacking: Callable[..., None], monkeypatch: pytest.MonkeyPatch, dialogs: Any
) -> None:
    def lacks() -> None:
        raise ModuleNotFoundError("No module named 'platformdirs'")

    def pip_install(requirements: list[str]) -> None:
        assert requirements == ["platformdirs>=3.0"]
        monkeypatch.undo()
        monkeypatch.setattr("CalcScoreLogic.models.list_models", list)

    monkeypatch.setattr("CalcScoreLogic.models.list_models", lacks)
    monkeypatch.setattr(slicer.util, "pip_install", pip_install)
    lacking("platformdirs")
    panel.parameters.cta = cta
    panel.enter()
    assert panel.ui.analyzeButton.enabled
    assert not panel.ui.modelsHint.visible
    settings.set_interpreter("/opt/nnunet/bin/python")
    dialogs.answer("Ok")
    panel.ui.analyzeButton.click()
    assert "platformdirs>=3.0, about 1 MB" in dialogs.shown[-1].text
    assert panel.ui.messageLabel.text.startswith("⚠ No networks are installed.")


def test_a_segmentation_and_a_threshold_need_no_package(
    analyzed: Callable[[], Any], lacking: Callable[..., None], monkeypatch: pytest.MonkeyPatch, dialogs: Any
) -> None:
    def lacks() -> None:
        raise ModuleNotFoundError("No module named 'platformdirs'")

    monkeypatch.setattr("CalcScoreLogic.models.list_models", lacks)
    lacking("platformdirs", "torch", "nnunetv2")
    assert analyzed().state.value == "done"
    assert dialogs.shown == []


@NEEDS_NNUNET
def test_networks_are_installed_from_a_zip_and_removed(panel: Any, cta: Any, tmp_path: Path, dialogs: Any) -> None:
    panel.parameters.cta = cta
    pair = make_pair(tmp_path / "pair")
    archive = tmp_path / "networks.zip"
    with zipfile.ZipFile(archive, "w") as written:
        for file in (tmp_path / "pair").rglob("*"):
            written.write(file, file.relative_to(tmp_path / "pair"))
    assert set(pair) == set(Role)
    dialogs.answer(str(archive))
    panel.ui.installModelsButton.click()
    harness.settle(lambda: panel.ui.analyzeButton.enabled)
    assert panel.ui.messageLabel.text.startswith("Installed: ")
    assert not panel.ui.modelsHint.visible
    assert "Arteries: 2 networks" in panel.ui.modelStateLabel.text
    name = panel.ui.territoriesModelCombo.itemText(1)
    dialogs.answer("Yes")
    panel.models.remove_named(name)
    assert panel.ui.modelsHintLabel.text.startswith("No artery network is installed.")


def test_a_zip_that_holds_no_networks_is_refused_in_words(panel: Any, tmp_path: Path, dialogs: Any) -> None:
    archive = tmp_path / "holiday.zip"
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("picture.txt", "sea")
    dialogs.answer(str(archive))
    panel.ui.installZipButton.click()
    harness.settle(lambda: panel.ui.messageLabel.text.startswith("⚠"))
    assert "holiday.zip" in panel.ui.messageLabel.text
    assert panel.ui.messageLabel.text.endswith(".")


def test_a_broken_zip_is_told_in_a_sentence(panel: Any, tmp_path: Path, dialogs: Any) -> None:
    archive = tmp_path / "half.zip"
    archive.write_bytes(b"PK\x03\x04 and no more")
    dialogs.answer(str(archive))
    panel.ui.installZipButton.click()
    harness.settle(lambda: panel.ui.messageLabel.text.startswith("⚠"))
    assert panel.ui.messageLabel.text.endswith("this is not a complete zip, download or copy it again.")


def test_networks_that_were_removed_meanwhile_are_told_and_listed_no_more(
    panel: Any, cta: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "ensure", lambda networks: True)
    pair = make_pair(tmp_path / "models")
    panel.parameters.cta = cta
    panel.models.read()
    panel.refresh()
    assert panel.ui.territoriesModelCombo.count == 2
    for folder in pair.values():
        shutil.rmtree(folder)
    panel.ui.analyzeButton.click()
    assert panel.state.value == "failed"
    assert "were removed from this computer; choose others under Advanced." in panel.ui.messageLabel.text
    assert panel.ui.territoriesModelCombo.count == 1


def test_nothing_is_asked_where_all_is_there(dialogs: Any) -> None:
    assert install.ensure(networks=False)
    assert dialogs.shown == []


def test_one_question_names_packages_and_sizes(
    lacking: Callable[..., None], pytorch_extension: list[dict[str, Any]], dialogs: Any
) -> None:
    lacking("torch", "nnunetv2")
    dialogs.answer("Cancel")
    assert not install.ensure(networks=True)
    text = dialogs.shown[-1].text
    assert "torch>=2.6, about 900 MB" in text
    assert "nnunetv2>=2.6, about 150 MB" in text
    assert len(dialogs.shown) == 1
    assert pytorch_extension == []
    assert slicer.packaging.requests == []


def test_nnunet_is_installed_beside_slicers_own_packages(
    lacking: Callable[..., None], pytorch_extension: list[dict[str, Any]], dialogs: Any
) -> None:
    lacking("torch", "nnunetv2")
    dialogs.answer("Ok")
    assert install.ensure(networks=True)
    assert pytorch_extension == [{"askConfirmation": False, "torchVersionRequirement": ">=2.6"}]
    (request,) = slicer.packaging.requests
    assert request.requirements == ["nnunetv2>=2.6"]
    assert request.options["skip_packages"] == ["SimpleITK", "torch", "requests"]
    assert len(dialogs.shown) == 1


def test_before_slicer_5_11_nnunets_dependencies_come_without_simpleitk(
    lacking: Callable[..., None], monkeypatch: pytest.MonkeyPatch, dialogs: Any
) -> None:
    lacking("nnunetv2")
    asked: list[list[str]] = []
    monkeypatch.setattr(slicer.util, "pip_install", asked.append)
    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    listed = ["torch>=2.1.2", "SimpleITK>=2.2.1", "requests", "numpy>=1.24", "black; extra == 'dev'"]
    monkeypatch.setattr("CalcScoreLib.install.metadata.requires", lambda name: listed)
    dialogs.answer("Ok")
    assert install.ensure(networks=True)
    assert asked == [["--no-deps", "nnunetv2>=2.6"], ["numpy>=1.24"]]


def test_without_the_pytorch_extension_the_way_there_is_told(lacking: Callable[..., None], dialogs: Any) -> None:
    lacking("torch")
    with pytest.raises(InputError, match="install the extension PyTorch in the Extensions Manager"):
        install.ensure(networks=True)
    assert dialogs.shown == []


def test_an_interpreter_of_ones_own_needs_nothing(lacking: Callable[..., None], dialogs: Any) -> None:
    lacking("torch", "nnunetv2")
    settings.set_interpreter("/opt/nnunet/bin/python")
    assert settings.interpreter() == "/opt/nnunet/bin/python"
    assert install.missing_packages(networks=True) == ()


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for a Python is a shell script")
def test_an_interpreter_of_ones_own_gets_none_of_slicers_environment(
    cta: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/opt/slicer/lib/Python")
    monkeypatch.setattr(slicer.util, "startupEnvironment", lambda: {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
    python = tmp_path / "own python"
    python.write_text(f"#!/bin/sh\nenv > '{tmp_path}/environment'\n")
    python.chmod(0o755)
    models: Any = [types.SimpleNamespace(role=role, path=tmp_path) for role in Role]
    settings.set_interpreter(str(python))
    with Analysis(cta, models=models) as analysis:
        analysis.start()
        harness.settle(lambda: analysis.poll() or analysis.state is not RunState.RUNNING)
    seen = (tmp_path / "environment").read_text()
    assert f"HOME={tmp_path}" in seen
    assert "PYTHONHOME" not in seen
    settings.set_interpreter("")
    assert settings.environment_of(settings.interpreter()) is None
