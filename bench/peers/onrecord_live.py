"""What only a server has: how soon a write is seen by a query, and what writing and asking cost each other."""

import statistics
import threading
import time
import uuid
from typing import TYPE_CHECKING

import orjson

import process
from peers.engine import Failed, Metrics
from peers.http import Connection

if TYPE_CHECKING:
    from peers.onrecord import Engine

VISIBLE_TRIES = 50


def visible(engine: "Engine") -> Metrics:
    """From the receipt of a write until a query's answer has it, asked again at once until it does."""
    writer, reader = engine.connected(), Connection(engine.connected().address, engine.token)
    with engine.workload.singles.open("rb") as lines:
        decision = orjson.loads(lines.readline())
    lags, first = [], 0
    for _ in range(VISIBLE_TRIES):
        decision["decisionId"] = f"visible-{uuid.uuid4()}"
        reply = writer.post("/v1/decisions", orjson.dumps(decision))
        if reply.status != 201:
            raise Failed(f"a single write: {reply.status} {reply.body[:500]!r}")
        acknowledged = time.perf_counter()
        sql = f"SELECT count(*) AS n FROM ai_audit_logs WHERE decision_id = '{decision['decisionId']}'"
        asked, seen = 0, False
        while not seen:
            asked += 1
            answer = reader.post("/v1/sql", {"sql": sql}, accept="application/x-ndjson")
            if answer.status != 200:
                raise Failed(f"a query for a single write: {answer.status} {answer.body[:500]!r}")
            seen = orjson.loads(answer.body)["n"] == 1
        lags.append((time.perf_counter() - acknowledged) * 1000)
        first += asked == 1
    reader.close()
    return {
        "visible_ms": statistics.median(lags),
        "visible_max_ms": max(lags),
        "visible_at_first_ask": first / VISIBLE_TRIES,
    }


class _Asking(threading.Thread):
    """Asks the seven queries in turn, without a pause, until told to stop."""

    def __init__(self, engine: "Engine") -> None:
        super().__init__(daemon=True)
        self.engine = engine
        self.over = threading.Event()
        self.seconds: dict[str, list[float]] = {}
        self.error: BaseException | None = None

    def run(self) -> None:
        from peers.onrecord import ask

        try:
            connection = Connection(self.engine.connected().address, self.engine.token)
            while not self.over.is_set():
                for name, spell in self.engine.workload.statements.items():
                    answer = ask(connection, name, spell(self.engine.name), check=False)
                    self.seconds.setdefault(name, []).append(answer.seconds)
                    if self.over.is_set():
                        break
            connection.close()
        except Exception as error:
            self.error = error

    def stop(self) -> None:
        self.over.set()
        self.join()
        if self.error:
            raise self.error


def busy(engine: "Engine") -> Metrics:
    """An import through the running server, and single writes, each while the seven queries are asked in a loop."""
    with engine.workload.more.open("rb") as lines:
        records = sum(1 for _ in lines)
    asking = _Asking(engine)
    asking.start()
    try:
        url = f"http://{engine.connected().address}"
        done = process.run(
            [engine.workload.program, "--url", url, "import", engine.workload.more],
            env={"ONRECORD_TOKEN": engine.token},
        )
        during_import, asking.seconds = asking.seconds, {}
        report = engine.write("--clients", "32")
    finally:
        asking.stop()
    metrics = {
        "busy_load_rows_per_second": records / done.seconds,
        "busy_writes_per_second.32": report["writes_per_second"],
        "busy_write_p99_ms.32": report["p99_ms"],
    }
    for name, seconds in during_import.items():
        metrics[f"busy_ms.{name}"] = statistics.median(seconds) * 1000
    return metrics
