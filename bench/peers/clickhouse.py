"""The ClickHouse engine (chdb-core) with JSON columns in a MergeTree table.

It stores every member of the decisions. Paths that queries name have typed hints, columns of few values are
LowCardinality, and bloom filters on the application id and the user id skip granules: what its manual advises.
"""

import time
from pathlib import Path
from typing import Any

import queries
from peers.engine import Metrics
from peers.worker import InProcess, serve

# Column, type of the table, member of a decision.
COLUMNS = (
    ("event_id", "UUID", "eventId"), ("decision_id", "String", "decisionId"),
    ("timestamp", "DateTime64(6, 'UTC')", "timestamp"), ("processing_time_ms", "UInt32", "processingTimeMs"),
    ("user_id", "String", "userId"), ("system_actor", "LowCardinality(String)", "systemActor"),
    ("model_id", "LowCardinality(String)", "modelId"), ("model_version", "LowCardinality(String)", "modelVersion"),
    ("model_type", "LowCardinality(String)", "modelType"),
    ("input_features", "JSON(application_id String, gender LowCardinality(String))", "inputFeatures"),
    ("prediction", "JSON(approved Bool)", "prediction"), ("confidence", "Float64", "confidence"),
    ("alternative_predictions", "Array(JSON)", "alternativePredictions"), ("explanation", "JSON", "explanation"),
    ("human_reviewed", "Bool", "humanReviewed"), ("human_decision", "JSON", "humanDecision"),
    ("overridden", "Bool", "overridden"), ("override_reason", "LowCardinality(String)", "overrideReason"),
    ("environment", "LowCardinality(String)", "environment"), ("request_id", "String", "requestId"),
    ("session_id", "String", "sessionId"), ("data_retention_policy", "LowCardinality(String)", "dataRetentionPolicy"),
    ("data_retention_days", "UInt32", "dataRetentionDays"), ("consent_given", "Bool", "consentGiven"),
    ("metadata", "JSON", "metadata"),
)  # fmt: skip
INDEXES = """INDEX application input_features.application_id TYPE bloom_filter GRANULARITY 1,
INDEX user user_id TYPE bloom_filter GRANULARITY 1"""


class Engine(InProcess):
    """See `peers.engine.Engine`."""

    name = "clickhouse"
    title = "ClickHouse engine"
    package = "chdb-core"

    def settings(self) -> str:
        return (
            "as it comes, in a Python process (chdb-core); the seed's ORDER BY (timestamp, model_id) and monthly "
            "partitions, JSON columns, bloom filters; INSERT … SELECT from file(…, JSONEachRow), which does not fsync; "
            "bytes are those of active parts, with LZ4 as it comes; answers as Arrow tables"
        )

    def extras(self) -> Metrics:
        return {"zstd_bytes_per_record": self.tell("zstd_bytes") / self.workload.records}


class Store:
    """The engine, in its own process."""

    def __init__(self, directory: Path, file: Path) -> None:
        self.directory = directory
        self.file = file

    def open(self) -> None:
        from chdb.session import Session  # Here, so that only this process has it.

        self.session = Session(str(self.directory))
        self._run("CREATE DATABASE IF NOT EXISTS audit")
        self._run("USE audit")
        # Whatever Python loads at the first answer is loaded now, and not counted as a query's time.
        self.ask("SELECT 1", check=False)

    def _run(self, statement: str) -> None:
        self.session.query(statement)

    def _create(self, table: str, settings: str = "") -> None:
        columns = ", ".join(f"{name} {kind}" for name, kind, _ in COLUMNS)
        self._run(
            f"CREATE TABLE {table} ({columns}, {INDEXES}) ENGINE = MergeTree "
            f"PARTITION BY toYYYYMM(timestamp) ORDER BY (timestamp, model_id) {settings}"
        )

    def load(self) -> dict[str, float]:
        self._create("ai_audit_logs")
        types = ", ".join(f"{member} {kind}" for _, kind, member in COLUMNS).replace("'", "\\'")
        members = ", ".join(member for _, _, member in COLUMNS)
        started = time.perf_counter()
        self._run(
            f"INSERT INTO ai_audit_logs SELECT {members} FROM file('{self.file}', 'JSONEachRow', '{types}') "
            "SETTINGS date_time_input_format = 'best_effort'"
        )
        return {"load_seconds": time.perf_counter() - started}

    def ask(self, statement: str, check: bool) -> dict[str, Any]:
        import pyarrow

        # Within one process there is nothing to gain from compressing the answer.
        statement += " SETTINGS output_format_arrow_compression_method = 'none'"
        started = time.perf_counter()
        answer = self.session.query(statement, "ArrowStream")
        table = pyarrow.ipc.open_stream(pyarrow.py_buffer(answer.bytes())).read_all()
        seconds = time.perf_counter() - started
        if check:
            table = table.select(queries.needed(table.column_names))
        return {"seconds": seconds, "digest": queries.digest(table.to_pydict()) if check else None}

    def bytes(self) -> dict[str, int]:
        return {"active parts": self._bytes_of("ai_audit_logs")}

    def _bytes_of(self, table: str) -> int:
        active = f"SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = '{table}'"
        return int(self.session.query(active, "TSV").bytes())

    def zstd_bytes(self) -> int:
        """The same rows in ZSTD(1) columns, which the cloud service has by default and the server at choice."""
        self._create("zstd", "SETTINGS default_compression_codec = 'ZSTD(1)'")
        self._run("INSERT INTO zstd SELECT * FROM ai_audit_logs")
        size = self._bytes_of("zstd")
        self._run("DROP TABLE zstd SYNC")
        return size


if __name__ == "__main__":
    serve(Store)
