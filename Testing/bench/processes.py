"""Wall time and peak memory of a program with all the processes it starts."""

from __future__ import annotations

from collections.abc import Sequence

from CalcScoreLogic.benchmark import process_meter


def measure(command: Sequence[str]) -> tuple[float, float]:
    """Run a program to its end.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.

    Returns
    -------
    seconds : float
        Wall time.
    gigabytes : float
        Largest sum of the memory of all its processes.
    """
    usage = process_meter.measure(command)
    if usage.code:
        raise RuntimeError(f"{' '.join(command[:4])} … ended with {usage.code}: {usage.last_line}")
    return usage.seconds, usage.peak_bytes / 1e9
