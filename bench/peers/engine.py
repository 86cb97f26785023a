"""The shape that every engine has here, so that all are measured by the same steps in the same order."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

Metrics = dict[str, float]
"""What a step measured: a flat name, such as `warm_ms.user`, to a number, so that medians need no knowledge of it."""


class Failed(Exception):
    """Something in the world is not as it must be; the message says what to do."""


@dataclass(frozen=True)
class Workload:
    """What every engine is given."""

    work: Path
    """An empty directory on the disk to be measured."""
    records: int
    file: Path
    """The decisions as JSON lines, with event ids."""
    singles: Path
    """Other decisions, without event ids, for single writes."""
    more: Path
    """Yet others, to import while queries run."""
    statements: dict[str, Callable[[str], str]] = field(repr=False)
    """The seven queries; each gives its text in an engine's dialect."""
    load_program: Path
    program: Path
    """The program onrecord."""
    write_seconds: float
    """How long single writes are measured."""


@dataclass(frozen=True)
class Answer:
    """A query's answer."""

    seconds: float
    """From sending it until every row was in this process, in the engine's natural form."""
    digest: Any = None
    """What must be the same in every engine; see `queries.digest`."""


class Engine(Protocol):
    """Life of an engine in one round: prepare, load, open, ask…, (shut, open, ask)…, extras, shut."""

    name: str
    title: str

    def version(self) -> str:
        """The engine's own version."""

    def settings(self) -> str:
        """How it is set up, in a sentence for the report."""

    def prepare(self) -> None:
        """Makes an empty store."""

    def load(self) -> Metrics:
        """Loads all records in bulk."""

    def open(self) -> None:
        """Starts it; comes back when it takes queries."""

    def shut(self) -> None:
        """Stops it. Harmless when it does not run."""

    def ask(self, query: str, check: bool) -> Answer:
        """Asks one of the seven; the digest only when wanted, as it costs time outside the timed part."""

    def bytes(self) -> dict[str, int]:
        """Bytes on disk by part."""

    def files(self) -> Path:
        """The directory whose files are dropped from the page cache for a cold start."""

    def memory_mb(self) -> float:
        """Resident memory now."""

    def extras(self) -> Metrics:
        """Single durable writes, and whatever else only this engine has. Comes last: it changes the data."""


class Small(Protocol):
    """A library that only appends and verifies: measured on fewer records, as it is slow."""

    name: str
    title: str

    def version(self) -> str:
        """The library's own version."""

    def settings(self) -> str:
        """How it is set up, in a sentence for the report."""

    def measure(self) -> Metrics:
        """Appends and verifies."""

    def shut(self) -> None:
        """Stops it. Harmless when it does not run."""
