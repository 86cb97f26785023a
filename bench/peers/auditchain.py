"""auditchain (PyPI): a hash chain in SQLite, each record sealed by HMAC-SHA256 as its readme advises."""

import asyncio
import secrets
import time

import process
from peers.small import SmallLog, Source
from peers.worker import serve


class Engine(SmallLog):
    """See `peers.engine.Small`."""

    name = "auditchain"
    title = "auditchain"
    package = "auditchain"

    def settings(self) -> str:
        return f"SQLite, HMAC seal; {self.records:,} records appended one by one, and again in batches of 500"


class Store(Source):
    """The library, in its own process."""

    def measure(self, records: int) -> dict[str, float]:
        entries = [
            (decision["modelId"], "decision", decision["userId"], decision) for _, decision in self.decisions(records)
        ]
        return asyncio.run(self._measure(entries))

    async def _measure(self, entries: list[tuple[str, str, str, dict]]) -> dict[str, float]:
        from auditchain import AuditLog, SqliteBackend  # Here, so that only this process has it.

        key = secrets.token_bytes(32)
        path = self.directory / "single.sqlite"
        async with AuditLog(SqliteBackend(path), seal_key=key) as log:
            started = time.perf_counter()
            for actor, action, subject, metadata in entries:
                await log.append(actor, action, subject, metadata=metadata)
            appended = time.perf_counter()
            report = await log.verify()
            verified = time.perf_counter()
        if not report.ok:
            raise RuntimeError(f"it does not verify: {report}")
        async with AuditLog(SqliteBackend(self.directory / "batch.sqlite"), seal_key=key) as log:
            batch_started = time.perf_counter()
            for first in range(0, len(entries), 500):
                await log.append_many(entries[first : first + 500])
            batched = time.perf_counter()
        return {
            "load_rows_per_second": len(entries) / (batched - batch_started),
            "writes_per_second.1": len(entries) / (appended - started),
            "verify_per_second": len(entries) / (verified - appended),
            "bytes_per_record": process.bytes_of(path) / len(entries),
        }


if __name__ == "__main__":
    serve(Store)
