"""How long a straight branch stays in each direction, for both methods: the table of docs/shortening.md."""

from __future__ import annotations

import numpy as np

from Testing.straight_tubes import DIRECTIONS, kept_length_mm


def run() -> None:
    """Print one line a direction and the range."""
    table = [[kept_length_mm(np.array(d), method) for method in ("paper", "geodesic")] for d in DIRECTIONS]
    print("| direction (x, y, z) | paper, mm | geodesic, mm |\n| --- | --- | --- |")
    for direction, (paper, geodesic) in zip(DIRECTIONS, table, strict=True):
        print(f"| {', '.join(f'{v:.2f}' for v in direction)} | {paper:.1f} | {geodesic:.1f} |")
    low, high = np.min(table, axis=0), np.max(table, axis=0)
    print(f"| range | {low[0]:.1f} to {high[0]:.1f} | {low[1]:.1f} to {high[1]:.1f} |")
