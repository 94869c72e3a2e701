"""A cohort without the application's window, with the options of ``calcscore batch``.

``Slicer --no-main-window --python-script CalcScoreBatch.py -- DIR_OR_LIST -o DIR [--scenes] …``

``--scenes`` also saves a scene (``case.mrb``) into each case's folder, ready to correct.
"""

from __future__ import annotations

import sys
from pathlib import Path

# A script that is handed to the application has no folder of its own on the import path.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from CalcScoreLib.headless import run_script

if __name__ == "__main__":
    run_script(sys.argv[1:])
