"""DuckDB with JSON columns in a database file, loaded by read_json.

It stores every member of the decisions. No ART index: the manual advises them for key look-ups only, at the price of
the load; zone maps serve the time ranges, as the file is in the order of time.
"""

import time
from pathlib import Path
from typing import Any

import process
import queries
from peers.worker import InProcess, serve

# Column, type, member of a decision.
COLUMNS = (
    ("event_id", "UUID", "eventId"), ("decision_id", "VARCHAR", "decisionId"), ("timestamp", "TIMESTAMP", "timestamp"),
    ("processing_time_ms", "INTEGER", "processingTimeMs"), ("user_id", "VARCHAR", "userId"),
    ("system_actor", "VARCHAR", "systemActor"), ("model_id", "VARCHAR", "modelId"),
    ("model_version", "VARCHAR", "modelVersion"), ("model_type", "VARCHAR", "modelType"),
    ("input_features", "JSON", "inputFeatures"), ("prediction", "JSON", "prediction"),
    ("confidence", "DECIMAL(5,4)", "confidence"), ("alternative_predictions", "JSON", "alternativePredictions"),
    ("explanation", "JSON", "explanation"), ("human_reviewed", "BOOLEAN", "humanReviewed"),
    ("human_decision", "JSON", "humanDecision"), ("overridden", "BOOLEAN", "overridden"),
    ("override_reason", "VARCHAR", "overrideReason"), ("environment", "VARCHAR", "environment"),
    ("request_id", "VARCHAR", "requestId"), ("session_id", "VARCHAR", "sessionId"),
    ("data_retention_policy", "VARCHAR", "dataRetentionPolicy"),
    ("data_retention_days", "INTEGER", "dataRetentionDays"),
    ("consent_given", "BOOLEAN", "consentGiven"), ("metadata", "JSON", "metadata"),
)  # fmt: skip


class Engine(InProcess):
    """See `peers.engine.Engine`."""

    name = "duckdb"
    title = "DuckDB"
    package = "duckdb"

    def settings(self) -> str:
        return (
            "as it comes, in a Python process; JSON columns, the types given to read_json; INSERT … SELECT from the "
            "JSON lines and CHECKPOINT, both counted as the load; answers as Arrow tables"
        )


class Store:
    """The engine, in its own process."""

    def __init__(self, directory: Path, file: Path) -> None:
        self.path = directory / "decisions.duckdb"
        self.file = file

    def open(self) -> None:
        import duckdb  # Here, so that only this process has it.

        self.connection = duckdb.connect(self.path)
        # Whatever Python loads at the first answer is loaded now, and not counted as a query's time.
        self.connection.sql("SELECT 1").to_arrow_table()

    def load(self) -> dict[str, float]:
        columns = ", ".join(f"{name} {kind}" for name, kind, _ in COLUMNS)
        types = ", ".join(f"'{member}': '{kind}'" for _, kind, member in COLUMNS)
        members = ", ".join(f'"{member}"' for _, _, member in COLUMNS)
        self.connection.execute(f"CREATE TABLE ai_audit_logs ({columns})")
        started = time.perf_counter()
        self.connection.execute(
            f"INSERT INTO ai_audit_logs SELECT {members} FROM read_json('{self.file}', "
            f"format = 'newline_delimited', columns = {{{types}}})"
        )
        self.connection.execute("CHECKPOINT")
        return {"load_seconds": time.perf_counter() - started}

    def ask(self, statement: str, check: bool) -> dict[str, Any]:
        started = time.perf_counter()
        table = self.connection.sql(statement).to_arrow_table()
        seconds = time.perf_counter() - started
        if check:
            table = table.select(queries.needed(table.column_names))
        return {"seconds": seconds, "digest": queries.digest(table.to_pydict()) if check else None}

    def bytes(self) -> dict[str, int]:
        return {"database": process.bytes_of(self.path)}


if __name__ == "__main__":
    serve(Store)
