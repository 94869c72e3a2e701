"""``calcscore analyze`` against two runs of stock nnU-Net: same weights, same options, in turn."""

from __future__ import annotations

from CalcScoreLogic.benchmark.comparison import BenchOptions, compare
from CalcScoreLogic.cli.bench import SEED, SPACING_MM, lines
from CalcScoreLogic.models import Role, check, starter_models_folder
from CalcScoreLogic.phantom import PhantomParameters, make_phantom

REPEATS = 3


def run() -> None:
    """Print times, their ratio, peak memory and agreement, without and with mirroring."""
    folder = starter_models_folder()
    if folder is None:
        print("skipped, there are no starter ensembles in Resources/StarterModels")
        return
    models = {role: check(folder / role.value) for role in Role}
    cta = make_phantom(PhantomParameters(SEED, SPACING_MM)).cta
    for mirroring in (False, True):
        options = BenchOptions(mirroring, repeats=REPEATS)
        print("\n".join(lines(compare(cta, models, options, lambda stage: None), options)), flush=True)
