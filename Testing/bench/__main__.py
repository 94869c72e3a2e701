"""Run the benchmarks named on the command line, or those that take minutes."""

import argparse
from pathlib import Path

from Testing.bench import (
    accuracy,
    analyze,
    batch,
    cohort,
    correcting,
    dicom,
    evaluate,
    finetune,
    full_size,
    large_ct,
    lengths,
    memory,
    panel,
    real,
    score,
    shortening,
    stability,
    thresholds,
)

MINUTES = {
    "shortening": shortening.run,
    "score": score.run,
    "analyze": analyze.run,
    "batch": batch.run,
    "dicom": dicom.run,
    "lengths": lengths.run,
    "full_size": full_size.run,
    "panel": panel.run,
    "panel_large": panel.run_large,
    "correcting": correcting.run,
}
HOURS = {
    "accuracy": accuracy.run,
    "cohort": cohort.run,
    "evaluate": evaluate.run,
    "memory": memory.run,
    "region": full_size.run_region,
    "finetune": finetune.run,
    "finetune_small": finetune.run_small,
}
ON_REAL_CT = {"real": real.run, "thresholds": thresholds.run, "large_ct": large_ct.run, "stability": stability.run}
"""These take the folder of real CTs, where there is one."""

parser = argparse.ArgumentParser(prog="python -m Testing.bench", description=__doc__)
parser.add_argument("names", nargs="*", choices=[*MINUTES, *HOURS, *ON_REAL_CT, []])
parser.add_argument("--data", type=Path, metavar="DIR", help=f"folder of real CTs, for {', '.join(ON_REAL_CT)}")
options = parser.parse_args()
for name in options.names or MINUTES:
    print(f"== {name}", flush=True)
    if name in ON_REAL_CT:
        ON_REAL_CT[name](options.data)
    else:
        {**MINUTES, **HOURS}[name]()
