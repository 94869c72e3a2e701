"""A synthetic case of the drawn anatomy, as the docs show it.

``python -m Testing.synthesis_picture`` draws ``docs/pictures/synthesis.png`` again.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap

from CalcScoreLogic.anatomy import STRUCTURES, CalcificationLabel, Territory
from CalcScoreLogic.synthesis import drawn_anatomy, make_case

SEED, SPACING_MM = 38, (1.5, 1.5, 1.5)
PICTURE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "synthesis.png"


def draw() -> None:
    """Draw the picture."""
    mpl.use("Agg")
    case = make_case(drawn_anatomy(), SEED, SPACING_MM)
    cta, territories = case.cta.array, case.territories.array
    calcified = case.calcification.array == CalcificationLabel.CALCIFICATION
    grey = {"cmap": "gray", "vmin": -160, "vmax": 400}
    figure, axes = plt.subplots(1, 6, figsize=(18, 3.9), facecolor="black")
    for panel, share in zip(axes[:4], (0.2, 0.45, 0.62, 0.8), strict=True):
        panel.imshow(cta[int(share * len(cta))], **grey)
    row = int(np.median(np.nonzero(territories == 1)[1]))
    axes[4].imshow(cta[:, row], origin="lower", **grey)
    colours = ["black", *(np.array(STRUCTURES[territory].colour) / 255 for territory in Territory)]
    axes[5].imshow(territories.max(axis=1), origin="lower", cmap=ListedColormap(colours), vmin=0, vmax=4)
    spots = np.ma.masked_equal(calcified.any(axis=1), 0)
    axes[5].imshow(spots, origin="lower", cmap=ListedColormap(["white"]))
    for panel in axes:
        panel.axis("off")
    figure.subplots_adjust(0, 0, 1, 1, 0.02, 0)
    figure.savefig(PICTURE, dpi=60, facecolor="black")
    plt.close(figure)


if __name__ == "__main__":
    draw()
