"""Studies: accuracy, agreement with a reference, and comparison with thresholds.

pandas, statsmodels, MONAI and the drawing libraries are imported where they are used.
"""

from __future__ import annotations

from .cases import (
    ADAPTIVE,
    FIXED,
    IDEAL,
    NETWORK,
    THRESHOLDS,
    Matching,
    StudyCase,
    StudyParameters,
    agreeing_by_definition,
    match_cases,
)
from .study import Study
from .workflow import FixedThreshold, check_packages, find_fixed_threshold, run_study, write_study

__all__ = [
    "ADAPTIVE",
    "FIXED",
    "IDEAL",
    "NETWORK",
    "THRESHOLDS",
    "FixedThreshold",
    "Matching",
    "Study",
    "StudyCase",
    "StudyParameters",
    "agreeing_by_definition",
    "check_packages",
    "find_fixed_threshold",
    "match_cases",
    "run_study",
    "write_study",
]
