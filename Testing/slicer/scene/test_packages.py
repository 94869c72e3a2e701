"""`CalcScoreLogic` is found beside an installed module and in a checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("installed", [True, False])
def test_the_package_is_found_where_the_module_is(tmp_path: Path, installed: bool) -> None:
    module = tmp_path / "qt-scripted-modules" if installed else tmp_path / "CalcScore"
    library = module / "CalcScoreLib"
    library.mkdir(parents=True)
    for name in ("__init__.py", "packages.py"):
        shutil.copy(_ROOT / "CalcScore" / "CalcScoreLib" / name, library)
    package = (module if installed else tmp_path) / "CalcScoreLogic"
    package.mkdir()
    (package / "__init__.py").write_text("HERE = True\n")
    # The folder of the module is all that Slicer puts on the path.
    script = "import sys; before = set(sys.modules); import CalcScoreLib, CalcScoreLogic; print(CalcScoreLogic.HERE)"
    script += (
        "; print({m for m in set(sys.modules) - before if m.split('.')[0] in ('slicer', 'vtk', 'numpy', 'torch')})"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(module)}, cwd=tmp_path, capture_output=True, text=True
    )
    assert run.stdout.split("\n")[:2] == ["True", "set()"], run.stderr
