"""The files that all engines are given, made by `onrecord-load`, and a place for them that is removed at the end."""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import process
import queries
from peers.engine import Failed, Workload

SEED_QUERIES = Path(__file__).parents[1] / "examples" / "seed_queries.sql"
SINGLES = 20_000
"""Decisions that single writes draw from."""
MORE_MAX = 100_000
"""Decisions that are imported while queries run; a tenth of the records if that is less."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What run and growth have in common."""
    parser.add_argument("--program", type=Path, help="a ready program onrecord [default: cargo's release build]")
    parser.add_argument("--load-program", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=42, help="another seed gives other decisions [default: 42]")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("/var/tmp"),
        help="a folder on the disk to be measured, for work files that are removed at the end [default: /var/tmp]",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).parent / "results",
        help="where results go [default: bench/results]",
    )


@contextmanager
def directory(parent: Path, bytes_needed: int) -> Iterator[Path]:
    """A fresh folder under `parent`, gone afterwards whatever happens."""
    if not parent.is_dir():
        raise Failed(f"{parent} is not a folder: choose another --work")
    free = shutil.disk_usage(parent).free
    if free < bytes_needed:
        raise Failed(
            f"{parent} has {free / 1e9:.1f} GB free and some {bytes_needed / 1e9:.1f} GB are needed: "
            "choose another --work or fewer --records"
        )
    work = Path(tempfile.mkdtemp(prefix="onrecord-bench-", dir=parent.resolve()))
    # PostgreSQL runs as another user, and must reach its folder in here.
    work.chmod(0o755)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def make(work: Path, records: int, arguments: argparse.Namespace, write_seconds: float) -> Workload:
    """Writes the files, and picks what the queries look for."""
    load, end = arguments.load_program, datetime.now(UTC).replace(microsecond=0)

    def generate(name: str, count: int, first: int, *options: str) -> Path:
        path = work / name
        process.run(
            [
                load, "generate", str(count), "--seed", str(arguments.seed), "--first", str(first),
                "--users", str(max(1, records // 10)), "--end-time", end.isoformat(), "--output", path, *options,
            ]
        )  # fmt: skip
        path.chmod(0o644)
        return path

    file = generate("decisions.jsonl", records, 0, "--with-event-id")
    more = max(1, min(MORE_MAX, records // 10))
    sample = line_in_the_middle(file)
    return Workload(
        work=work,
        records=records,
        file=file,
        singles=generate("singles.jsonl", SINGLES, records),
        more=generate("more.jsonl", more, records + SINGLES, "--with-event-id"),
        statements=queries.statements(SEED_QUERIES, sample["userId"], sample["inputFeatures"]["application_id"], end),
        load_program=load,
        program=arguments.program,
        write_seconds=write_seconds,
    )


def line_in_the_middle(file: Path) -> dict:
    """A decision from the middle of the file: neither the first nor the last place that anything looks."""
    with file.open("rb") as lines:
        lines.seek(os.path.getsize(file) // 2)
        lines.readline()
        line = lines.readline()
        if not line:
            lines.seek(0)
            line = lines.readline()
    return json.loads(line)
