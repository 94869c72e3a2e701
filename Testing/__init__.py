"""Tests, the literal reference of the paper's algorithm, and the benchmarks."""
