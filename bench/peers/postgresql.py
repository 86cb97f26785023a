"""PostgreSQL 15 with the seed's schema and indexes: COPY, the queries over libpq, single INSERTs by pgbench.

The seed's table only: what the seed's interface has beyond it (decision id, alternatives, session, metadata) is left
out, so PostgreSQL stores less than the others. Debian's server programs, a cluster of our own, a Unix socket.
"""

import os
import shutil
import time
from pathlib import Path

import orjson
import psycopg
from psycopg.pq import ExecStatus

import interrupt
import process
import queries
from peers.engine import Answer, Failed, Metrics, Workload

BIN = Path("/usr/lib/postgresql/15/bin")
USER = "postgres" if os.geteuid() == 0 else None
CLIENTS = (1, 32)
SAMPLES = 32
"""Different rows that pgbench draws from; it takes 128 scripts at most."""

SCHEMA = """
CREATE TABLE ai_audit_logs (
  event_id UUID PRIMARY KEY, timestamp TIMESTAMPTZ NOT NULL,
  model_id VARCHAR(255) NOT NULL, model_version VARCHAR(50) NOT NULL,
  user_id VARCHAR(255), system_actor VARCHAR(255),
  input_features JSONB NOT NULL, input_hash VARCHAR(64), prediction JSONB NOT NULL, confidence DECIMAL(5,4),
  explanation JSONB,
  human_reviewed BOOLEAN DEFAULT FALSE, human_decision JSONB, overridden BOOLEAN DEFAULT FALSE, override_reason TEXT,
  processing_time_ms INT, environment VARCHAR(20), request_id VARCHAR(255),
  data_retention_days INT DEFAULT 365, consent_given BOOLEAN DEFAULT TRUE
);
CREATE INDEX idx_audit_timestamp ON ai_audit_logs(timestamp DESC);
CREATE INDEX idx_audit_user ON ai_audit_logs(user_id) WHERE user_id IS NOT NULL;
CREATE INDEX idx_audit_model ON ai_audit_logs(model_id, model_version);
CREATE INDEX idx_audit_overridden ON ai_audit_logs(overridden) WHERE overridden = TRUE;
"""

# Column, the member of a decision that it takes; a document goes in as JSON.
COLUMNS = {
    "event_id": "eventId", "timestamp": "timestamp", "model_id": "modelId", "model_version": "modelVersion",
    "user_id": "userId", "system_actor": "systemActor", "input_features": "inputFeatures",
    "prediction": "prediction", "confidence": "confidence", "explanation": "explanation",
    "human_reviewed": "humanReviewed", "human_decision": "humanDecision", "overridden": "overridden",
    "override_reason": "overrideReason", "processing_time_ms": "processingTimeMs", "environment": "environment",
    "request_id": "requestId", "data_retention_days": "dataRetentionDays", "consent_given": "consentGiven",
}  # fmt: skip


def _values(line: bytes) -> list[str | None]:
    decision = orjson.loads(line)

    def text(value: object) -> str | None:
        return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()

    return [text(decision.get(member)) for member in COLUMNS.values()]


class Engine:
    """See `peers.engine.Engine`."""

    name = "postgresql"
    title = "PostgreSQL 15"

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.home = workload.work / "postgresql"
        self.data = self.home / "data"
        self.copy = workload.work / "copy.tsv"
        self.service: process.Service | None = None
        self.connection: psycopg.Connection | None = None

    def version(self) -> str:
        return process.run([BIN / "postgres", "--version"]).stdout.strip()

    def settings(self) -> str:
        return (
            f"{', '.join(f'{key} = {value}' for key, value in self._settings().items())}; the seed's table and four "
            "indexes; COPY from a file that was converted beforehand, which is not counted; VACUUM (ANALYZE) and "
            "CHECKPOINT after it, counted apart; single INSERTs by pgbench over the Unix socket, prepared, each with "
            "some 1 KB of parameters and a random UUID"
        )

    def _settings(self) -> dict[str, str]:
        # The manual's shares of the memory (20.4.1), and WAL enough that a load is not held up by checkpoints (14.4.6).
        memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
        return {
            "fsync": "on",
            "synchronous_commit": "on",
            "shared_buffers": f"{memory_mb // 4}MB",
            "effective_cache_size": f"{memory_mb * 3 // 4}MB",
            "maintenance_work_mem": f"{min(1024, memory_mb // 16)}MB",
            "work_mem": "64MB",
            "max_wal_size": "8GB",
            "checkpoint_timeout": "15min",
            "random_page_cost": "1.1",
        }

    def prepare(self) -> None:
        if not self.copy.exists():
            self._convert()
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(mode=0o755)
        if USER:
            shutil.chown(self.home, USER)
        command: list[str | Path] = [BIN / "initdb", "--pgdata", self.data, "--username", "postgres", "--auth", "trust"]
        process.run(process.bound_to_us([*command, "--encoding", "UTF8", "--locale", "C.UTF-8"], USER))
        self.open()
        self._run(SCHEMA)

    def _convert(self) -> None:
        """COPY's text format: tabs between values, \\N for none. Our values hold no tabs and no line ends."""
        with self.workload.file.open("rb") as lines, self.copy.open("w") as out:
            for line in lines:
                values = [r"\N" if value is None else value.replace("\\", "\\\\") for value in _values(line)]
                out.write("\t".join(values) + "\n")
        self.copy.chmod(0o644)

    def load(self) -> Metrics:
        started = time.perf_counter()
        self._run(f"COPY ai_audit_logs ({', '.join(COLUMNS)}) FROM '{self.copy}'")
        loaded = time.perf_counter()
        peak_mb = process.status_mb(self._connected().info.backend_pid, "VmHWM")
        self._run("VACUUM (ANALYZE) ai_audit_logs")
        self._run("CHECKPOINT")
        settled = time.perf_counter()
        self.shut()
        return {"load_seconds": loaded - started, "settle_seconds": settled - loaded, "load_peak_mb": peak_mb}

    def open(self) -> None:
        if len(str(self.home)) > 80:
            raise Failed(f"{self.home} is too long for a Unix socket: choose a shorter --work")
        settings = {**self._settings(), "listen_addresses": "", "unix_socket_directories": str(self.home)}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        command: list[str | Path] = [BIN / "postgres", "-D", self.data, *options]
        with interrupt.deferred():
            self.service = service = process.Service(command, self.home / "log.txt", USER)
        while self.connection is None:
            service.must_run()
            try:
                self.connection = psycopg.connect(
                    host=str(self.home), user="postgres", dbname="postgres", autocommit=True, options="-c timezone=UTC"
                )
            except psycopg.OperationalError:
                time.sleep(0.005)

    def shut(self) -> None:
        if self.connection:
            self.connection.close()
            self.connection = None
        if self.service:
            self.service.stop()
            self.service = None

    def _connected(self) -> psycopg.Connection:
        if not self.connection:
            raise Failed("PostgreSQL does not run")
        return self.connection

    def _run(self, statement: str) -> None:
        try:
            self._connected().execute(statement.encode())
        except psycopg.Error as error:
            raise Failed(f"PostgreSQL: {error}") from error

    def ask(self, query: str, check: bool) -> Answer:
        statement = self.workload.statements[query](self.name).encode()
        connection = self._connected().pgconn
        started = time.perf_counter()
        result = connection.exec_(statement)
        seconds = time.perf_counter() - started
        if result.status != ExecStatus.TUPLES_OK:
            raise Failed(f"{query} on PostgreSQL: {result.error_message.decode()}")
        if not check:
            return Answer(seconds)
        names = [(result.fname(column) or b"").decode() for column in range(result.nfields)]
        columns = {
            name: [(result.get_value(row, names.index(name)) or b"").decode() for row in range(result.ntuples)]
            for name in queries.needed(names)
        }
        return Answer(seconds, queries.digest(columns))

    def bytes(self) -> dict[str, int]:
        cursor = self._connected().execute("SELECT pg_table_size('ai_audit_logs'), pg_indexes_size('ai_audit_logs')")
        table, indexes = cursor.fetchone() or (0, 0)
        return {"table": table, "indexes": indexes}

    def files(self) -> Path:
        return self.data

    def memory_mb(self) -> float:
        """Each page once, however many of the server's processes share it (Pss)."""
        total = 0
        for pid in self._processes():
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(text.partition("\nPss:")[2].split()[0])
        return total / 1024

    def _processes(self) -> list[int]:
        main = self.service.pid if self.service else 0
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        return [main, *map(int, children)]

    def extras(self) -> Metrics:
        inserts = self._pgbench_inserts()
        metrics: Metrics = {}
        for clients in CLIENTS:
            for log in self.workload.work.glob("pgbench_log.*"):
                log.unlink()
            command: list[str | Path] = [
                BIN / "pgbench", "--host", self.home, "--username", "postgres", "--no-vacuum", "--protocol", "prepared",
                "--client", str(clients), "--jobs", str(min(2, clients)), *inserts,
                "--time", str(max(1, round(self.workload.write_seconds))),
                "--log", "--log-prefix", self.workload.work / "pgbench_log",
            ]  # fmt: skip
            output = process.run([*command, "postgres"]).stdout
            rate = next(line for line in output.splitlines() if line.startswith("tps = "))
            logs = self.workload.work.glob("pgbench_log.*")
            latencies = sorted(int(line.split()[2]) for log in logs for line in log.read_text().splitlines())
            metrics[f"writes_per_second.{clients}"] = float(rate.split()[2])
            metrics[f"write_p50_ms.{clients}"] = latencies[len(latencies) // 2] / 1000
            metrics[f"write_p99_ms.{clients}"] = latencies[len(latencies) * 99 // 100] / 1000
        return metrics

    def _pgbench_inserts(self) -> list[str]:
        """INSERTs of some real rows; the values are parameters, so that each write sends and parses them."""
        scripts, variables = [], []
        users = max(1, self.workload.records // 10) - 1
        with self.workload.singles.open("rb") as lines:
            rows = [
                dict(zip(COLUMNS, _values(line), strict=True)) for line, _ in zip(lines, range(SAMPLES), strict=False)
            ]
        for number, row in enumerate(rows):
            values = []
            for column, value in row.items():
                if column == "event_id":
                    values.append("gen_random_uuid()")
                elif column == "user_id":
                    values.append("'user_' || :user")
                elif value is None:
                    values.append("NULL")
                else:
                    variables.append(f"--define=v{number}_{column}={value}")
                    values.append(f":v{number}_{column}")
            insert = f"INSERT INTO ai_audit_logs ({', '.join(COLUMNS)}) VALUES ({', '.join(values)});"
            script = self.workload.work / f"insert-{number}.sql"
            script.write_text(f"\\set user random(0, {users})\n{insert}\n")
            scripts.append(f"--file={script}")
        return [*scripts, *variables]
