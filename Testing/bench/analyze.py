"""``calcscore analyze`` against two runs of stock nnU-Net: same weights, same options, in turn."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from CalcScoreLogic.image_io import write_image
from CalcScoreLogic.models import Role, demo_models_folder
from CalcScoreLogic.phantom import PhantomParameters, make_phantom
from Testing.bench.processes import measure

SEED, SPACING_MM = 200000, (1.5, 1.5, 1.5)
REPEATS = 3
STOCK = "from nnunetv2.inference.predict_from_raw_data import predict_entry_point_modelfolder as run; run()"


def run() -> None:
    """Print times, their ratio and the peak memory, without and with mirroring."""
    models = demo_models_folder()
    if models is None:
        print("skipped, there are no demo ensembles in Resources/DemoModels")
        return
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder, "in")
        inputs.mkdir()
        cta = inputs / "case_0000.nii.gz"
        write_image(cta, make_phantom(PhantomParameters(SEED, SPACING_MM)).cta)
        for mirroring in (False, True):
            pairs = []
            for _ in range(REPEATS):
                pairs.append((_ours(cta, Path(folder), mirroring), _stock(inputs, Path(folder), models, mirroring)))
            (ours, our_memory), (stock, stock_memory) = (min(runs) for runs in zip(*pairs, strict=True))
            kind = "with" if mirroring else "without"
            print(f"{kind} mirroring: calcscore analyze {ours:.1f} s ({our_memory:.1f} GB), two stock runs", end=" ")
            print(f"{stock:.1f} s ({stock_memory:.1f} GB): {ours / stock:.2f} of the time")


def _ours(cta: Path, folder: Path, mirroring: bool) -> tuple[float, float]:
    """Run both ensembles, shortening and scores in one go."""
    command = [sys.executable, "-m", "CalcScoreLogic", "analyze", str(cta), "-o", str(folder / "ours")]
    return measure([*command, *([] if mirroring else ["--no-mirroring"])])


def _stock(inputs: Path, folder: Path, models: Path, mirroring: bool) -> tuple[float, float]:
    """Run nnU-Net's own program once for each ensemble."""
    seconds = peak = 0.0
    for role in Role:
        command = [sys.executable, "-c", STOCK, "-i", str(inputs), "-o", str(folder / role.value), "-device", "cpu"]
        command += ["-m", str(models / role.value), *([] if mirroring else ["--disable_tta"])]
        took, memory = measure(command)
        seconds, peak = seconds + took, max(peak, memory)
    return seconds, peak
