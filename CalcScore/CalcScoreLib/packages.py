"""Makes the package `CalcScoreLogic` importable, wherever the module was loaded from."""

from __future__ import annotations

import sys
from pathlib import Path

_PACKAGE = "CalcScoreLogic"


def make_importable() -> None:
    """Put the folder that holds `CalcScoreLogic` on the import path.

    Installed, it lies beside the module; in a checkout, one folder up. Where neither is so, the path is
    left as it is, and an installed package is found as any other.
    """
    module = Path(__file__).resolve().parents[1]
    for folder in (module, module.parent):
        # The module's own file has no folder of this name beside it, so only the package can be meant.
        if (folder / _PACKAGE / "__init__.py").is_file():
            if str(folder) not in sys.path:
                sys.path.insert(0, str(folder))
            return
