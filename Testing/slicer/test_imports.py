"""The module opens in a Slicer that has nothing but its own packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CODE = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"skimage", "tqdm", "platformdirs", "torch", "nnunetv2", "matplotlib", "pandas"}:
            raise ImportError(f"{name} is not part of Slicer")

sys.meta_path.insert(0, Missing())
from Testing.slicer import harness

harness.install()
hosted = harness.load_module("CalcScore/CalcScore.py")
print("Analyze:", hosted.widget.panel is not None, [text for text in harness.reported])
harness.unload_module(hosted)
"""


def test_panel_opens_without_the_packages_that_come_later() -> None:
    shown = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True)
    assert "Analyze: True []" in shown.stdout, shown.stderr


STARTING = """
import sys
from types import ModuleType, SimpleNamespace
from Testing.slicer import harness

harness.install()
sys.modules["SampleData"] = ModuleType("SampleData")
sys.modules["SampleData"].SampleDataLogic = SimpleNamespace(
    registerCustomSampleDataSource=lambda **options: print("Sample:", options["sampleName"])
)
sys.path.insert(0, "CalcScore")
before = set(sys.modules)
import CalcScore
import slicer
from Testing.slicer.harness.application.modules import new_module

CalcScore.CalcScore(new_module("qSlicerScriptedLoadableModule", "CalcScore", "CalcScore/CalcScore.py"))
slicer.app._native.startupCompleted.emit()
new = {name.split(".")[0] for name in set(sys.modules) - before}
print("New:", sorted(new & {"numpy", "scipy", "SimpleITK", "CalcScoreLogic"}))
"""


def test_starting_slicer_imports_nothing_that_takes_time() -> None:
    shown = subprocess.run([sys.executable, "-c", STARTING], cwd=ROOT, capture_output=True, text=True)
    assert "Sample: Synthetic CTA with calcified arteries\nNew: []" in shown.stdout, shown.stdout + shown.stderr
