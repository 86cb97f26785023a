"""`bench/run`: one run of all engines, and what is written about it."""

import argparse
import importlib
import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import chart
import interrupt
import machine
import measure
import report
import workload
from measure import say
from peers.engine import Failed, Metrics

ENGINES = ("postgresql", "duckdb", "clickhouse", "onrecord")
SMALL = ("auditchain", "ai_audit_trail")
QUICK_RECORDS = 5_000
BYTES_PER_RECORD = 6_000
"""Room on the disk: the input three times over (as JSON lines, as COPY's text, and what one engine makes of it)."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run", description="Measures onrecord beside its peers, in one run on this machine."
    )
    parser.add_argument("--records", type=int, help="how many decisions [default: 1,000,000]")
    parser.add_argument("--rounds", type=int, help="rounds in which each engine takes its turn [default: 3]")
    parser.add_argument("--only", metavar="ENGINE[,…]", help=f"of {', '.join(ENGINES + SMALL)}")
    parser.add_argument("--quick", action="store_true", help="only check, in minutes, that all runs and answers agree")
    parser.add_argument("--write-seconds", type=float, help="how long single writes are measured [default: 5]")
    workload.add_arguments(parser)
    given = parser.parse_args()
    given.records = given.records or (QUICK_RECORDS if given.quick else 1_000_000)
    given.rounds = given.rounds or (1 if given.quick else 3)
    given.write_seconds = given.write_seconds or (1.0 if given.quick else 5.0)
    given.only = given.only.split(",") if given.only else [*ENGINES, *SMALL]
    if unknown := set(given.only) - {*ENGINES, *SMALL}:
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}; there are {', '.join(ENGINES + SMALL)}")
    if given.records < 100 or given.rounds < 1:
        parser.error("there must be 100 records and 1 round at least")
    if given.program and not given.program.is_file():
        parser.error(f"--program: {given.program} is not there")
    return given


def engines_of(names: list[str], load: Any) -> list[Any]:
    return [importlib.import_module(f"peers.{name}").Engine(load) for name in names]


def run(given: argparse.Namespace) -> dict[str, Any]:
    with workload.directory(given.work, given.records * BYTES_PER_RECORD + (2 << 30)) as work:
        described = machine.describe(work)
        say(f"making {given.records:,} decisions")
        load = workload.make(work, given.records, given, given.write_seconds)
        engines = engines_of([name for name in ENGINES if name in given.only], load)
        small = engines_of([name for name in SMALL if name in given.only], load)
        rounds: dict[str, list[Metrics]] = {engine.name: [] for engine in engines + small}
        digests: dict[str, measure.Digests] = {}

        def step(engine: Any) -> None:
            if engine in small:
                try:
                    rounds[engine.name].append(engine.measure())
                finally:
                    engine.shut()
                shutil.rmtree(engine.data, ignore_errors=True)
                return
            metrics, answered = measure.one_round(engine, given.records)
            measure.must_not_be_empty(answered)
            digests[engine.name] = answered
            measure.must_agree(digests)
            rounds[engine.name].append(metrics)
            shutil.rmtree(engine.files(), ignore_errors=True)

        measure.interleaved(engines + small, given.rounds, step)
        return {
            "command": shlex.join(["bench/run", *shown_words(sys.argv[1:])]),
            "machine": described,
            "records": given.records,
            "rounds": given.rounds,
            "bytes_per_decision": load.file.stat().st_size / given.records,
            "quick": given.quick,
            "engines": {
                engine.name: {
                    "title": engine.title,
                    "version": engine.version(),
                    "settings": engine.settings(),
                    "medians": measure.medians(rounds[engine.name]),
                    "rounds": rounds[engine.name],
                }
                for engine in engines + small
            },
            "digests": digests,
        }


def shown_words(words: list[str]) -> list[str]:
    """The command as somebody else would give it: without what the wrapper adds and without paths of this machine."""
    shown, words = [], list(words)
    while words:
        word = words.pop(0)
        if word.partition("=")[0] in ("--load-program", "--program", "--work", "--output"):
            if "=" not in word:
                words.pop(0)
            continue
        shown.append(word)
    return shown


def write(result: dict[str, Any], output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    (output / "comparison.json").write_text(json.dumps(result, indent=1) + "\n")
    (output / "comparison.md").write_text(report.comparison(result))
    chart.comparison(result, output / "comparison.svg")
    say(f"written to {output}: comparison.md, comparison.json, comparison.svg")


def guarded(work: Any) -> int:
    """Runs `work`; what goes wrong in the world is said in one line, and a stop from outside stops everything."""
    interrupt.install()
    try:
        work()
        return 0
    except Failed as error:
        print(f"bench: {error}", file=sys.stderr)
    except OSError as error:
        print(f"bench: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("bench: stopped; nothing was written", file=sys.stderr)
        return 130
    return 1


def main() -> int:
    given = arguments()

    def work() -> None:
        result = run(given)
        if given.quick:
            say(f"all of {', '.join(given.only)} ran, and their answers agree; so few records say nothing about speed")
        else:
            write(result, given.output)

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
