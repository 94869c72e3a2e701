"""What the package logs while it works, held back until it is known how the work ends."""

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
    """Hold what the package warns of in its log; a holder around this one hears nothing of it.

    Yields
    ------
    list of str
        Filled meanwhile.
    """
    logger, holder = logging.getLogger(__package__), _Holder()
    before = logger.handlers
    logger.handlers = [*(other for other in before if not isinstance(other, _Holder)), holder]
    try:
        yield holder.texts
    finally:
        logger.handlers = before
