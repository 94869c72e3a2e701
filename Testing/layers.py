"""The layers of CalcScore, from the top down: who may import whom.

`architecture_picture` draws the picture of the docs from it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"CalcScoreLogic": ROOT / "CalcScoreLogic", "CalcScoreLib": ROOT / "CalcScore" / "CalcScoreLib"}


@dataclass(frozen=True)
class Room:
    """Modules that belong together: a folder, or some files side by side.

    Parameters
    ----------
    name : str
        What it is called in the picture.
    modules : tuple of str
        Dotted names of packages (with all that is in them) and modules.
    purpose : str
        A few words for the picture.
    """

    name: str
    modules: tuple[str, ...]
    purpose: str


LAYERS: tuple[tuple[Room, ...], ...] = (
    (Room("panel", ("CalcScoreLib.panel",), "what a clinician sees"),),
    (
        Room(
            "analysis",
            ("CalcScoreLib.analysis", "CalcScoreLib.headless", "CalcScoreLib.install", "CalcScoreLib.CalcScoreBatch"),
            "one case in Slicer, on a timer or waiting",
        ),
    ),
    (Room("scene", ("CalcScoreLib.scene",), "what is in the MRML scene"),),
    (
        Room(
            "Slicer basics",
            (
                "CalcScoreLib",
                "CalcScoreLib.background_work",
                "CalcScoreLib.incremental_work",
                "CalcScoreLib.packages",
                "CalcScoreLib.settings",
                "CalcScoreLib.translation",
            ),
            "timers, settings, languages",
        ),
    ),
    (Room("public names", ("CalcScoreLogic",), "what scripts import"),),
    (Room("cli", ("CalcScoreLogic.cli", "CalcScoreLogic.__main__"), "the command line"),),
    (
        Room("evaluation", ("CalcScoreLogic.evaluation",), "accuracy and agreement"),
        Room("benchmark", ("CalcScoreLogic.benchmark",), "speed and memory"),
    ),
    (
        Room("cohort", ("CalcScoreLogic.cohort",), "many cases"),
        Room("training", ("CalcScoreLogic.training",), "networks from cases"),
    ),
    (
        Room(
            "one case",
            ("CalcScoreLogic.pipeline", "CalcScoreLogic.sources", "CalcScoreLogic.rescoring"),
            "from a CTA to its scores",
        ),
    ),
    (
        Room("report", ("CalcScoreLogic.report",), "what people look at"),
        Room("inference", ("CalcScoreLogic.inference",), "the networks' subprocess"),
    ),
    (Room("archive", ("CalcScoreLogic.archive",), "DICOM objects for a PACS"),),
    (
        Room("results", ("CalcScoreLogic.results",), "scores.json"),
        Room("models", ("CalcScoreLogic.models",), "trained networks"),
        Room("phantom", ("CalcScoreLogic.phantom",), "exact synthetic cases"),
        Room("synthesis", ("CalcScoreLogic.synthesis",), "CTA from anatomy"),
    ),
    (Room("quality", ("CalcScoreLogic.quality",), "warnings with codes"),),
    (
        Room(
            "method",
            (
                "CalcScoreLogic.artery_holes",
                "CalcScoreLogic.isotropic",
                "CalcScoreLogic.shortening",
                "CalcScoreLogic.vessels",
                "CalcScoreLogic.scoring",
                "CalcScoreLogic.lumen",
                "CalcScoreLogic.thresholding",
                "CalcScoreLogic.branch_growing",
            ),
            "the paper's sections",
        ),
    ),
    (Room("images", ("CalcScoreLogic.images",), "files, geometry, DICOM"),),
    (
        Room(
            "foundation",
            (
                "CalcScoreLogic.anatomy",
                "CalcScoreLogic.atomic",
                "CalcScoreLogic.case_files",
                "CalcScoreLogic.csv_files",
                "CalcScoreLogic.errors",
                "CalcScoreLogic.file_hashes",
                "CalcScoreLogic.notices",
                "CalcScoreLogic.process_trees",
                "CalcScoreLogic.version",
                "CalcScoreLogic.wording",
            ),
            "labels, names, errors",
        ),
    ),
)

#: Libraries that only some modules may import, at the top of the file or inside a function.
FENCED = {
    "torch": (
        "CalcScoreLogic.inference.worker",
        "CalcScoreLogic.models.checkpoints",
        "CalcScoreLogic.training",
        "CalcScoreLogic.evaluation.accuracy",  # MONAI's metrics take tensors
    ),
    "nnunetv2": (
        "CalcScoreLogic.inference.worker",
        "CalcScoreLogic.models.checkpoints",
        "CalcScoreLogic.training",
    ),
    "highdicom": (
        "CalcScoreLogic.archive",
        "CalcScoreLogic.images.dicom_segments",
        "CalcScoreLogic.images.highdicom_bridge",
    ),
    "slicer": ("CalcScoreLib",),
    "qt": ("CalcScoreLib",),
    "ctk": ("CalcScoreLib",),
    "vtk": ("CalcScoreLib",),
}


def modules(packages: Mapping[str, Path] = PACKAGES) -> dict[str, Path]:
    """Give the file of every module, by its dotted name."""
    found = {}
    for package, folder in packages.items():
        for file in sorted(folder.rglob("*.py")):
            parts = file.relative_to(folder).with_suffix("").parts
            found[".".join((package, *(part for part in parts if part != "__init__")))] = file
    return found


def imports(name: str, file: Path, known: dict[str, Path]) -> Iterator[tuple[str, int]]:
    """Give what a module imports anywhere in its file, as dotted names, with the line."""
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{target}.{alias.name}"
                yield (inner if inner in known else target), node.lineno


def belongs(module: str, owner: str) -> bool:
    """Tell whether a module is a package or lies in it; the packages' own ``__init__`` files stand for themselves."""
    if owner in PACKAGES:
        return module == owner
    return module == owner or module.startswith(f"{owner}.")


def room_of(module: str) -> tuple[int, Room] | None:
    """Give the layer, counted from the top, and the room of a module."""
    for depth, layer in enumerate(LAYERS):
        for room in layer:
            if any(belongs(module, owner) for owner in room.modules):
                return depth, room
    return None
