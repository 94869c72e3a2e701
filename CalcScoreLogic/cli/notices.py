"""What the package logs while a command works, held back until it is known how the command ends."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class _Holder(logging.Handler):
    """Keeps warnings; an error is a fault of ours, and is shown at once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record, or show it; two readings of a file say the same once."""
        if record.levelno > logging.WARNING:
            if logging.lastResort is not None:
                logging.lastResort.handle(record)
        elif (text := record.getMessage()) not in self.texts:
            self.texts.append(text)


@contextmanager
def held_notices() -> Iterator[list[str]]:
    """Hold what the package warns of in its log.

    Yields
    ------
    list of str
        Filled meanwhile.
    """
    logger, holder = logging.getLogger("CalcScoreLogic"), _Holder()
    logger.addHandler(holder)
    try:
        yield holder.texts
    finally:
        logger.removeHandler(holder)
