"""``python -m CalcScoreLogic``: the same program as ``calcscore``."""

import sys

from .cli import main

sys.exit(main())
