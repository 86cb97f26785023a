"""The goals that onrecord set itself, as ratios of figures of one run."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import queries
from peers.engine import Metrics

PEERS = ("postgresql", "duckdb", "clickhouse")


@dataclass(frozen=True)
class Goal:
    """One line of the table: what is wanted, what came, and how far that is (1 or more: met)."""

    what: str
    wanted: str
    reached: str
    share: float

    @property
    def met(self) -> bool:
        return self.share >= 1


def of(result: dict[str, Any]) -> Iterator[Goal]:
    """The goals for which this run has both sides."""
    found: dict[str, Metrics] = {name: engine["medians"] for name, engine in result["engines"].items()}
    ours = found.get("onrecord")
    if not ours:
        return
    yield from _bulk(ours, found)
    yield from _writes(ours, found)
    yield from _bytes(ours, found)
    yield from _queries(ours, found)
    yield _at_least("verify, records/s", ours["verify_per_second"], 1e6)
    yield _at_most("start-up, ms", ours["start_ms"], 1000)
    yield _at_most("memory of the idle server, MB", ours["idle_mb"], 150)


def _bulk(ours: Metrics, found: dict[str, Metrics]) -> Iterator[Goal]:
    for peer, wanted, what in (
        ("duckdb", 1.2, "DuckDB's"),
        ("clickhouse", 2.0, "the ClickHouse engine's"),
        ("postgresql", 6.0, "COPY's"),
    ):
        if peer in found:
            ratio = ours["load_rows_per_second"] / found[peer]["load_rows_per_second"]
            yield Goal(f"bulk load against {what}", f"≥ {wanted:g} ×", f"{ratio:.2f} ×", ratio / wanted)


def _writes(ours: Metrics, found: dict[str, Metrics]) -> Iterator[Goal]:
    if "postgresql" in found:
        ratio = ours["writes_per_second.32"] / found["postgresql"]["writes_per_second.32"]
        yield Goal("single writes, 32 clients, against PostgreSQL's", "≥ 2 ×", f"{ratio:.2f} ×", ratio / 2)
    yield _at_most("p99 of these, ms", ours["write_p99_ms.32"], 10)


def _bytes(ours: Metrics, found: dict[str, Metrics]) -> Iterator[Goal]:
    mine = ours["bytes_per_record"]
    if "clickhouse" in found:
        for name, key in (("LZ4", "bytes_per_record"), ("ZSTD", "zstd_bytes_per_record")):
            ratio = mine / found["clickhouse"][key]
            yield Goal(f"bytes a record against ClickHouse's with {name}", "≤ 1 ×", f"{ratio:.2f} ×", 1 / ratio)
    if "postgresql" in found:
        ratio = mine / found["postgresql"]["bytes_per_record"]
        yield Goal("bytes a record against PostgreSQL's", "≤ 0.125 ×", f"{ratio:.3f} ×", 0.125 / ratio)


def _queries(ours: Metrics, found: dict[str, Metrics]) -> Iterator[Goal]:
    peers = [peer for peer in PEERS if peer in found]
    if not peers:
        return
    for name, title in queries.TITLES.items():
        key = f"warm_ms.{name}"
        best = min(peers, key=lambda peer: found[peer][key])
        ratio = ours[key] / found[best][key]
        yield Goal(f"{title}, warm, against the best ({best})", "≤ 1 ×", f"{ratio:.2f} ×", 1 / ratio)


def _at_least(what: str, value: float, wanted: float) -> Goal:
    return Goal(what, f"≥ {wanted:,.0f}", f"{value:,.0f}", value / wanted)


def _at_most(what: str, value: float, wanted: float) -> Goal:
    return Goal(what, f"≤ {wanted:,.0f}", f"{value:,.1f}", wanted / max(value, 1e-9))
