"""A cohort without the application's window, with the options of ``calcscore batch``.

``Slicer --no-main-window --python-script CalcScoreBatch.py -- DIR_OR_LIST -o DIR [--scenes] ...``

``--scenes`` also saves a scene (``case.mrb``) into each case's folder, ready to correct. The script lies in the
package, where the application does not look for modules.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The application does not put the folder of its package on the import path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from CalcScoreLib.headless import run_script

if __name__ == "__main__":
    run_script(sys.argv[1:])
