"""Run the benchmarks named on the command line, or those that take minutes."""

import sys

from Testing.bench import (
    accuracy,
    analyze,
    batch,
    cohort,
    evaluate,
    full_size,
    lengths,
    memory,
    panel,
    score,
    shortening,
)

MINUTES = {
    "shortening": shortening.run,
    "score": score.run,
    "analyze": analyze.run,
    "batch": batch.run,
    "lengths": lengths.run,
    "full_size": full_size.run,
    "panel": panel.run,
}
HOURS = {
    "accuracy": accuracy.run,
    "cohort": cohort.run,
    "evaluate": evaluate.run,
    "memory": memory.run,
    "region": full_size.run_region,
}

for name in sys.argv[1:] or MINUTES:
    print(f"== {name}", flush=True)
    {**MINUTES, **HOURS}[name]()
