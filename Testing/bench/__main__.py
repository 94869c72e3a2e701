"""Run the benchmarks named on the command line, or all."""

import sys

from Testing.bench import accuracy, analyze, lengths, score, shortening

BENCHMARKS = {
    "shortening": shortening.run,
    "score": score.run,
    "analyze": analyze.run,
    "lengths": lengths.run,
    "accuracy": accuracy.run,
}

for name in sys.argv[1:] or BENCHMARKS:
    print(f"== {name}", flush=True)
    BENCHMARKS[name]()
