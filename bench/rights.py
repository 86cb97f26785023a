"""`bench/rights`: what erasure, retention and the archive cost, and what a look-up costs after each."""

import argparse
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import machine
import process
import workload
from answers import CALL_REPEATS, timed
from compare import guarded, shown_words
from measure import say
from peers import onrecord
from peers.engine import Failed, Metrics
from table import figure, markdown

BYTES_PER_RECORD = 3_000
ERASED = 3
"""People who are erased in each way."""
DUE_SHARE = 100
"""One record in so many is due."""
BEFORE_SECONDS = 20
"""Of writes without a retention run."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/rights", description="Measures erasure, retention and the archive. Needs the program faketime."
    )
    parser.add_argument("--records", type=int, default=1_000_000, help="how many decisions [default: 1,000,000]")
    parser.add_argument("--s3", type=Path, help="the program s3s-fs: the archive is on a server of it, not in a folder")
    parser.add_argument("--spread", action="store_true", help="what is due lies in every segment, not in the oldest")
    workload.add_arguments(parser)
    given = parser.parse_args()
    if given.records < 10_000:
        parser.error("there must be 10,000 records")
    return given


def with_due(file: Path, records: int, spread: bool) -> None:
    """Makes some of the decisions due after a day."""
    due = b'"dataRetentionPolicy":"development","dataRetentionDays":1,'
    kept = b'"dataRetentionPolicy":"high_risk","dataRetentionDays":3650,'
    output = file.with_suffix(".due")
    with file.open("rb") as lines, output.open("wb") as out:
        for number, line in enumerate(lines):
            is_due = number % DUE_SHARE == 0 if spread else number < records // DUE_SHARE
            out.write(line.replace(kept, due) if is_due else line)
    output.replace(file)


def prepare(engine: onrecord.Engine) -> None:
    """A store whose records were imported three days ago."""
    engine.prepare()
    made = engine.command("token", "create", "officer", "--role", "admin,write,read,reveal")
    engine.token = json.loads(made.stdout)["token"]
    policy = engine.data / "policy.toml"
    text = re.sub(r"(?m)^development = .*$", 'development = { days = 1, basis = "bench" }', policy.read_text())
    # The timestamps of the decisions are of today.
    text = re.sub(r"(?m)^future_seconds_max = .*$", "future_seconds_max = 604800", text)
    policy.write_text(text)
    program = engine.workload.program
    process.run(["faketime", "-f", "-3d", program, "--data", engine.data, "import", engine.workload.file])


def user_ms(engine: onrecord.Engine, load: Any) -> tuple[float, float]:
    return timed(engine, "/v1/sql", CALL_REPEATS, load.statements["user"]("onrecord"))


class Writes(threading.Thread):
    """Single writes from 32 clients, one run of the load generator after another until told to stop."""

    def __init__(self, engine: onrecord.Engine) -> None:
        super().__init__(daemon=True)
        self.engine, self.p99, self.rates, self.over = engine, [], [], threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.over.is_set():
                report = self.engine.write("--clients", "32", "--rate", "2000")
                self.p99.append(report["p99_ms"])
                self.rates.append(report["writes_per_second"])
        except Exception as error:
            self.error = error

    def stop(self) -> None:
        self.over.set()
        self.join()
        if self.error:
            raise self.error


def erase(engine: onrecord.Engine, users: list[str], path: str, name: str) -> Metrics:
    seconds = []
    for user in users:
        reply = engine.connected().delete(f"/v1/subjects/{user}{path}")
        if reply.status != 200:
            raise Failed(f"{name} of a person: {reply.status} {reply.body[:500]!r}")
        seconds.append(reply.seconds)
    say(f"{name}: {', '.join(figure(each * 1000) for each in seconds)} ms")
    return {f"{name}, ms": statistics.median(seconds) * 1000}


def retention(engine: onrecord.Engine) -> Metrics:
    """A run while others write, and what it costs them."""
    writes = Writes(engine)
    writes.start()
    time.sleep(BEFORE_SECONDS)
    before = list(writes.p99)
    writes.p99.clear()
    started = time.perf_counter()
    reply = engine.connected().post("/v1/retention/runs", {"confirm": True})
    seconds = time.perf_counter() - started
    during = list(writes.p99)
    writes.stop()
    if reply.status != 200:
        raise Failed(f"retention: {reply.status} {reply.body[:500]!r}")
    done = json.loads(reply.body)["removal"]
    say(f"retention: {seconds:.1f} s, {done}; p99 of writes before {before}, meanwhile {during or writes.p99}")
    return {
        "retention run, s": seconds,
        "retention run, records removed": done["records"],
        "retention run, segments rewritten": done["segments"],
        "p99 of writes before, ms": statistics.median(before),
        "p99 of writes meanwhile, ms": statistics.median(during or writes.p99[:1]),
    }


class Store:
    """Where the archive is: a folder, or a server on this machine."""

    def __init__(self, work: Path, program: Path | None) -> None:
        root = work / "archive"
        (root / "bucket").mkdir(parents=True)
        self.url, self.service = f"file://{root}/bucket", None
        if program:
            port = "9123"
            keys = ["--access-key", "bench", "--secret-key", "benchbench"]
            command = [program, "--host", "127.0.0.1", "--port", port, *keys, root]
            self.service = process.Service(command, work / "s3.log")
            os.environ |= {
                "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "benchbench", "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT": f"http://127.0.0.1:{port}", "AWS_ALLOW_HTTP": "true",
            }  # fmt: skip
            self.url = "s3://bucket/bench"
            time.sleep(1)
            self.service.must_run()

    def stop(self) -> None:
        if self.service:
            self.service.stop()


def steps(given: argparse.Namespace, engine: onrecord.Engine, load: Any, store: Store) -> Metrics:
    records = load.records
    metrics: Metrics = {}
    people = [f"user_{number}" for number in range(7, 7 + 4 * ERASED)]
    engine.open()
    metrics["a user's decisions, ms"], metrics["a user's decisions, processor, ms"] = user_ms(engine, load)
    for place, (path, name) in enumerate([
        ("", "erase (key)"),
        ("?now=true", "erase --now"),
        ("?depth=delete&now=true", "erase --delete --now"),
    ]):
        metrics |= erase(engine, people[place * ERASED : (place + 1) * ERASED], path, name)
    metrics["after erasures, ms"], metrics["after erasures, processor, ms"] = user_ms(engine, load)
    metrics |= retention(engine)
    metrics["after retention, ms"], metrics["after retention, processor, ms"] = user_ms(engine, load)
    engine.shut()
    started = time.perf_counter()
    engine.command("archive", "push", "--all", "--to", store.url)
    metrics["archive push --all, s"] = time.perf_counter() - started
    engine.open()
    sql = load.statements["user"]("onrecord")
    metrics["from the archive, first, ms"] = engine.connected().post("/v1/sql", {"sql": sql}).seconds * 1000
    metrics["from the archive, ms"], metrics["from the archive, processor, ms"] = user_ms(engine, load)
    metrics["peak memory of the server, MB"] = process.status_mb(engine.service.pid, "VmHWM") if engine.service else 0
    say(f"{records:,} records: {metrics}")
    return metrics


def run(given: argparse.Namespace) -> dict[str, Any]:
    with workload.directory(given.work, given.records * BYTES_PER_RECORD + (2 << 30)) as work:
        say(f"making {given.records:,} decisions")
        load = workload.make(work, given.records, given, write_seconds=3)
        with_due(load.file, given.records, given.spread)
        engine, store = onrecord.Engine(load), Store(work, given.s3)
        described = machine.describe(work)
        try:
            say("importing, three days ago")
            prepare(engine)
            metrics = steps(given, engine, load, store)
        finally:
            engine.shut()
            store.stop()
        return {
            "command": shlex.join(["bench/rights", *shown_words(sys.argv[1:])]),
            "machine": described,
            "records": given.records,
            "version": engine.version(),
            "archive": "an S3 server on this machine (s3s-fs)" if given.s3 else "a folder on the same disk",
            "metrics": metrics,
        }


def report(result: dict[str, Any]) -> str:
    return "\n".join([
        "# What erasure, retention and the archive cost\n",
        f"{result['version']}; {result['records']:,} decisions, of which one in {DUE_SHARE} is due; the archive is "
        f"{result['archive']}. Over HTTP, with 2,000 writes a second from 32 clients during the retention run.\n",
        f"```sh\n{result['command']}\n```\n",
        markdown(["machine", ""], [[key, value] for key, value in result["machine"].items()]),
        markdown(["", ""], [[key, figure(value)] for key, value in result["metrics"].items()]),
    ])  # fmt: skip


def write(result: dict[str, Any], output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    (output / "rights.json").write_text(json.dumps(result, indent=1) + "\n")
    (output / "rights.md").write_text(report(result))
    say(f"written to {output}: rights.md, rights.json")


def main() -> int:
    given = arguments()
    if subprocess.run(["which", "faketime"], capture_output=True, check=False).returncode != 0:
        print("bench: faketime is missing (Debian: apt-get install faketime)", file=sys.stderr)
        return 1
    return guarded(lambda: write(run(given), given.output))


if __name__ == "__main__":
    sys.exit(main())
