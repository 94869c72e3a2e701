"""Runs of the networks in the process of the test: the worker's own work, without a process that starts for it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from CalcScoreLogic.images.files import read_image, write_image
from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.protocol import ARTERIES_FILE, CTA_FILE, Result
from CalcScoreLogic.shortening import PAPER_LENGTHS, ShorteningParameters


def run_of(
    cta: Image,
    models: Mapping[str, Path],
    options: InferenceOptions,
    lengths: ShorteningParameters | None = PAPER_LENGTHS,
    arteries: Image | None = None,
) -> tuple[Result, dict[str, np.ndarray]]:
    """Run as the worker does; give the result and the label maps by role."""
    from CalcScoreLogic.inference.worker.ensembles import Ensembles

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_image(folder / CTA_FILE, cta)
        if arteries is not None:
            write_image(folder / ARTERIES_FILE, arteries)
        paths = {role: str(path) for role, path in models.items()}
        result = Ensembles(paths, options, lengths, lambda message: None).run(folder, cta.geometry)
        return result, {role: read_image(folder / file).array.copy() for role, file in result.files.items()}
