"""`bench/growth`: onrecord at one size after another, and what grows faster than the work."""

import argparse
import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import chart
import machine
import measure
import queries
import workload
from compare import guarded, shown_words
from measure import say
from peers import onrecord
from peers.engine import Metrics
from table import figure, markdown

SIZES = (100_000, 1_000_000, 10_000_000)
BYTES_PER_RECORD = 1_300
"""Room on the disk: the input, and what onrecord makes of it."""

FASTER = 1.25
"""A cost a record that grows by more than this from one size to the next is shown in bold."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/growth", description="Measures how onrecord grows with the number of records."
    )
    parser.add_argument(
        "--records",
        default=",".join(map(str, SIZES)),
        metavar="N[,…]",
        help="the sizes, such as 100000,1000000,10000000,50000000 [default: the first three]",
    )
    parser.add_argument("--rounds", type=int, default=1, help="medians over so many [default: 1]")
    workload.add_arguments(parser)
    given = parser.parse_args()
    try:
        given.records = sorted({int(text.replace("_", "")) for text in given.records.split(",")})
    except ValueError:
        parser.error(f"--records: {given.records!r} is not a list of numbers")
    if given.records[0] < 100 or given.rounds < 1:
        parser.error("there must be 100 records and 1 round at least")
    if not given.program or not given.program.is_file():
        parser.error("--program is not there")
    return given


def run(given: argparse.Namespace) -> dict[str, Any]:
    sizes: list[dict[str, Any]] = []
    described: dict[str, str] = {}
    settings = version = ""
    for records in given.records:
        with workload.directory(given.work, records * BYTES_PER_RECORD + (2 << 30)) as work:
            described = described or machine.describe(work)
            say(f"making {records:,} decisions")
            load = workload.make(work, records, given, write_seconds=0)
            engine = onrecord.Engine(load)
            rounds: list[Metrics] = []
            for number in range(given.rounds):
                say(f"{records:,} records, round {number + 1} of {given.rounds}")
                metrics, digests = measure.one_round(engine, records, extras=False)
                measure.must_not_be_empty(digests)
                rounds.append(metrics)
                shutil.rmtree(engine.data, ignore_errors=True)
            sizes.append({"records": records, "medians": measure.medians(rounds), "rounds": rounds})
            settings, version = engine.settings(), engine.version()
    return {
        "command": shlex.join(["bench/growth", *shown_words(sys.argv[1:])]),
        "machine": described,
        "version": version,
        "settings": settings,
        "sizes": sizes,
    }


def report(result: dict[str, Any]) -> str:
    sizes = result["sizes"]
    head = ["", *(f"{size['records']:,}" for size in sizes)]
    parts = [
        "# How onrecord grows\n",
        f"{result['version']}: {result['settings']}.\n",
        f"```sh\n{result['command']}\n```\n",
        markdown(["machine", ""], [[key, value] for key, value in result["machine"].items()]),
        "![Growth](growth.svg)\n",
        markdown(head, [_row(sizes, title, key) for title, key in _figures()]),
        "## Cost a record, from size to size\n",
        f"What a record costs at a size, against the size before it. 1 is linear; over {FASTER:g}, in bold, grows "
        "faster than the work. Small times hold a fixed part, so they shrink at first.\n",
        markdown(["", *_steps(sizes)], [_ratios(sizes, title, key) for title, key in _costs()]),
        "## What should not grow at all\n",
        markdown(["", *_steps(sizes)], [_ratios(sizes, title, key, whole=True) for title, key in _flat()]),
    ]
    return "\n".join(parts)


def _figures() -> list[tuple[str, str]]:
    states = (("warm", "warm"), ("cold", "cold"))
    asked = [(f"{title}, {word}, ms", f"{s}_ms.{n}") for s, word in states for n, title in queries.TITLES.items()]
    return [
        ("import, records/s", "load_rows_per_second"),
        ("verify, records/s", "verify_per_second"),
        ("bytes a record", "bytes_per_record"),
        *_flat(),
        *asked,
    ]


def _costs() -> list[tuple[str, str]]:
    asked = [(f"{title}, warm", f"warm_ms.{name}") for name, title in queries.TITLES.items()]
    return [("import", "load_seconds"), ("verify", "verify_seconds"), *asked]


def _flat() -> list[tuple[str, str]]:
    return [
        ("import, peak memory, MB", "load_peak_mb"),
        ("verify, peak memory, MB", "verify_peak_mb"),
        ("start-up, ms", "start_ms"),
        ("start-up with nothing in the page cache, ms", "cold_start_ms"),
        ("memory of the idle server, MB", "idle_mb"),
        ("memory after the queries, MB", "asked_mb"),
    ]


def _row(sizes: list[dict[str, Any]], title: str, key: str) -> list[str]:
    return [title, *(figure(size["medians"].get(key)) for size in sizes)]


def _steps(sizes: list[dict[str, Any]]) -> list[str]:
    return [f"{big['records']:,} / {small['records']:,}" for small, big in zip(sizes, sizes[1:], strict=False)]


def _ratios(sizes: list[dict[str, Any]], title: str, key: str, whole: bool = False) -> list[str]:
    cells = []
    for small, big in zip(sizes, sizes[1:], strict=False):
        grown = big["medians"][key] / small["medians"][key]
        ratio = grown if whole else grown * small["records"] / big["records"]
        cells.append(f"**{ratio:.2f}**" if ratio > FASTER else f"{ratio:.2f}")
    return [title, *cells]


def write(result: dict[str, Any], output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    (output / "growth.json").write_text(json.dumps(result, indent=1) + "\n")
    (output / "growth.md").write_text(report(result))
    chart.growth(result, output / "growth.svg")
    say(f"written to {output}: growth.md, growth.json, growth.svg")


def main() -> int:
    given = arguments()
    return guarded(lambda: write(run(given), given.output))


if __name__ == "__main__":
    sys.exit(main())
