"""Run the benchmarks named on the command line, or all."""

import sys

from Testing.bench import accuracy, analyze, batch, cohort, evaluate, lengths, score, shortening

BENCHMARKS = {
    "shortening": shortening.run,
    "score": score.run,
    "analyze": analyze.run,
    "batch": batch.run,
    "cohort": cohort.run,
    "lengths": lengths.run,
    "accuracy": accuracy.run,
    "evaluate": evaluate.run,
}

for name in sys.argv[1:] or BENCHMARKS:
    print(f"== {name}", flush=True)
    BENCHMARKS[name]()
