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
    "correcting": correcting.run,
}
HOURS = {
    "accuracy": accuracy.run,
    "cohort": cohort.run,
    "evaluate": evaluate.run,
    "memory": memory.run,
    "region": full_size.run_region,
    "thresholds": thresholds.run,
    "finetune": finetune.run,
    "finetune_small": finetune.run_small,
    "large_ct": large_ct.run,
}

parser = argparse.ArgumentParser(prog="python -m Testing.bench", description=__doc__)
parser.add_argument("names", nargs="*", choices=[*MINUTES, *HOURS, "real", []])
parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the real CTs, for the benchmark real")
options = parser.parse_args()
for name in options.names or MINUTES:
    print(f"== {name}", flush=True)
    if name == "real":
        real.run(options.data)
    else:
        {**MINUTES, **HOURS}[name]()
