"""What the two small audit libraries have in common: a process of their own, and fewer records."""

import itertools
from pathlib import Path

import orjson

from peers.engine import Metrics, Workload
from peers.worker import InProcess

RECORDS_MAX = 5_000
"""They take some 0.2 to 3 ms a record; what is measured is a rate."""


class SmallLog(InProcess):
    """See `peers.engine.Small`."""

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.records = min(RECORDS_MAX, workload.records)

    def measure(self) -> Metrics:
        self.prepare()
        self.open()
        metrics = self.tell("measure", self.records)
        self.shut()
        return metrics


class Source:
    """The first records of the file."""

    def __init__(self, directory: Path, file: Path) -> None:
        self.directory = directory
        self.file = file

    def open(self) -> None:
        """Nothing to do before it is measured."""

    def decisions(self, records: int) -> list[tuple[str, dict]]:
        """Lines with what they say."""
        with self.file.open() as lines:
            return [(line, orjson.loads(line)) for line in itertools.islice(lines, records)]
