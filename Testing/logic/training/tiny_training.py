"""Trainings that take a moment, and the command that starts them."""

from __future__ import annotations

import argparse

from CalcScoreLogic.cli import train as command
from CalcScoreLogic.models import Role
from CalcScoreLogic.training import Recipe, SmallNetwork

TINY = Recipe(
    "demo",
    epochs=1,
    iterations=2,
    networks={
        Role.TERRITORIES: SmallNetwork(5.0, (16, 32, 32), features=(4, 8, 8)),
        Role.CALCIFICATION: SmallNetwork(
            4.0, (16, 32, 32), batch_size=2, features=(4, 8, 8), keeps_bright=True, label_weights=(1.0, 2.0, 3.0)
        ),
    },
)


def options(*arguments: object) -> argparse.Namespace:
    """Read the arguments of ``calcscore train``."""
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    return parser.parse_args(["train", *(str(argument) for argument in arguments)])
