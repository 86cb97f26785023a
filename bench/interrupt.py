"""A stop from outside, Ctrl-C or SIGTERM, as an exception that unwinds everything, but never between starting a child
and knowing it: a child that nobody knows would not be stopped."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_deferred = 0
_pending: int | None = None


def install() -> None:
    """From now on both signals unwind; also where a shell had Ctrl-C ignored, as for commands in the background."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _arrived)


@contextmanager
def deferred() -> Iterator[None]:
    """What is done in here is done whole; a signal that came meanwhile unwinds at the end."""
    global _deferred, _pending
    _deferred += 1
    try:
        yield
    finally:
        _deferred -= 1
    if _pending is not None and not _deferred:
        number, _pending = _pending, None
        _unwind(number)


def _arrived(number: int, _frame: FrameType | None) -> None:
    global _pending
    if _deferred:
        _pending = number
    else:
        _unwind(number)


def _unwind(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)
