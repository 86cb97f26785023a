"""onrecord with everything on: personal data protected, every record hashed and provable, fsync before each receipt.

The program is measured from outside, as its users have it: the command line for bulk work, HTTP for the rest.
"""

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pyarrow.ipc

import interrupt
import process
import queries
from peers import onrecord_live
from peers.engine import Answer, Failed, Metrics, Workload
from peers.http import Connection

CLIENTS = (1, 32, 256)
READY_SECONDS_MAX = 600
URL = re.compile(rb"http://(127\.0\.0\.1:\d+)")


class Engine:
    """See `peers.engine.Engine`."""

    name = "onrecord"
    title = "onrecord"

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.data = workload.work / "onrecord"
        self.service: process.Service | None = None
        self.connection: Connection | None = None
        self.token = ""

    def version(self) -> str:
        return process.run([self.workload.program, "--version"]).stdout.strip()

    def settings(self) -> str:
        return (
            "the policy and settings that `init` makes: name and e-mail address become tokens, the user a subject, "
            "every record a leaf of the signed tree; `import` checks the whole file before it records it; SQL and "
            "single writes over HTTP on loopback, answers as Arrow streams; the asker sees user ids (role reveal), and "
            "each query is itself put on the record"
        )

    def command(self, *arguments: str | Path) -> process.Finished:
        """Runs the program on this data directory."""
        return process.run([self.workload.program, "--data", self.data, "--format", "json", *arguments])

    def prepare(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        self.command("init")
        made = self.command("token", "create", "bench", "--role", "write,read,reveal")
        self.token = json.loads(made.stdout)["token"]

    def load(self) -> Metrics:
        done = self.command("import", self.workload.file)
        return {"load_seconds": done.seconds, "load_peak_mb": done.peak_mb, "load_cpu_seconds": done.cpu_seconds}

    def verify(self) -> Metrics:
        """Everything re-read and re-hashed, by the whole command and by its own clock."""
        done = self.command("verify")
        report = json.loads(done.stdout)
        if report["faults"]:
            raise Failed(f"onrecord verify found {len(report['faults'])} faults in what was just imported")
        return {
            "verify_seconds": done.seconds,
            "verify_per_second": report["entries"] / done.seconds,
            "verify_inner_per_second": report["entries"] / report["seconds"],
            "verify_peak_mb": done.peak_mb,
        }

    def open(self) -> None:
        command: list[str | Path] = [self.workload.program, "--data", self.data, "serve", "--listen", "127.0.0.1:0"]
        with interrupt.deferred():
            self.service = service = process.Service(command, self.workload.work / "onrecord.log")
        give_up = time.monotonic() + READY_SECONDS_MAX
        while self.connection is None:
            service.must_run()
            if time.monotonic() > give_up:
                raise Failed(f"onrecord was not ready within {READY_SECONDS_MAX} s; see {service.log}")
            if said := URL.search(service.log.read_bytes()):
                connection = Connection(said[1].decode(), self.token)
                if connection.get("/readyz").status == 200:
                    self.connection = connection
                    return
            time.sleep(0.002)

    def shut(self) -> None:
        if self.connection:
            self.connection.close()
            self.connection = None
        if self.service:
            self.service.stop()
            self.service = None

    def connected(self) -> Connection:
        """The connection to the running server."""
        if not self.connection:
            raise Failed("onrecord is not served")
        return self.connection

    def ask(self, query: str, check: bool) -> Answer:
        return ask(self.connected(), query, self.workload.statements[query](self.name), check)

    def bytes(self) -> dict[str, int]:
        return {part.name: process.bytes_of(part) for part in sorted(self.data.iterdir()) if not part.is_socket()}

    def files(self) -> Path:
        return self.data

    def memory_mb(self) -> float:
        return process.status_mb(self.service.pid, "VmRSS") if self.service else 0.0

    def extras(self) -> Metrics:
        metrics: Metrics = {}
        for clients in CLIENTS:
            report = self.write("--clients", str(clients))
            metrics[f"writes_per_second.{clients}"] = report["writes_per_second"]
            metrics[f"write_p50_ms.{clients}"] = report["p50_ms"]
            metrics[f"write_p99_ms.{clients}"] = report["p99_ms"]
            metrics[f"receipts_checked.{clients}"] = report["receipts_checked"]
        rate = metrics["writes_per_second.32"] / 2
        report = self.write("--clients", "256", "--rate", str(rate))
        metrics |= {"open_loop_rate": rate, "open_loop_p50_ms": report["p50_ms"], "open_loop_p99_ms": report["p99_ms"]}
        metrics |= onrecord_live.visible(self)
        metrics |= onrecord_live.busy(self)
        metrics["serve_peak_mb"] = process.status_mb(self.service.pid, "VmHWM") if self.service else 0.0
        return metrics

    def write(self, *arguments: str) -> dict[str, Any]:
        """Single writes by the load generator, which fails unless every answer is a receipt."""
        done = process.run(
            [
                self.workload.load_program, "write", "--url", f"http://{self.connected().address}",
                "--seconds", str(self.workload.write_seconds), "--key-file", self.data / "keys/ledger.vkey",
                *arguments, self.workload.singles,
            ],
            env={"ONRECORD_TOKEN": self.token},
        )  # fmt: skip
        return json.loads(done.stdout)


def ask(connection: Connection, query: str, statement: str, check: bool) -> Answer:
    """One of the seven queries; also for who asks on a connection of its own."""
    reply = connection.post("/v1/sql", {"sql": statement}, accept="application/vnd.apache.arrow.stream")
    if reply.status != 200:
        raise Failed(f"{query} on onrecord: {reply.status} {reply.body[:500]!r}")
    if not check:
        return Answer(reply.seconds)
    table = pyarrow.ipc.open_stream(reply.body).read_all()
    needed = queries.needed(table.column_names)
    return Answer(reply.seconds, queries.digest({name: table.column(name).to_pylist() for name in needed}))
