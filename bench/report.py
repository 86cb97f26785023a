"""What a comparison came to, in Markdown. Every figure is of this run; nothing is written in here beforehand."""

from collections.abc import Iterator
from typing import Any

import goals
import queries
from peers.engine import Metrics
from table import best_bold, figure, markdown

ASKED = ("postgresql", "duckdb", "clickhouse", "onrecord")
CLIENTS = (1, 32, 256)


def comparison(result: dict[str, Any]) -> str:
    engines: dict[str, Any] = result["engines"]
    parts = [*_head(result), *_goals(result), *_bulk(engines), *_queries(engines), *_writes(engines)]
    parts += [*_proofs(engines), *_ours(engines), *_set_up(engines)]
    return "\n".join(parts)


def _head(result: dict[str, Any]) -> Iterator[str]:
    yield "# onrecord beside its peers\n"
    yield (
        f"{result['records']:,} decisions of {result['bytes_per_decision']:,.0f} bytes of JSON; medians of "
        f"{result['rounds']} interleaved round{'s' if result['rounds'] > 1 else ''}; one engine at a time. The best "
        "of a row is bold. What is measured, how, and what is fair about it: "
        "[bench/README.md](../bench/README.md).\n"
    )
    yield f"```sh\n{result['command']}\n```\n"
    yield markdown(["machine", ""], [[key, value] for key, value in result["machine"].items()])
    yield "![Comparison](comparison.svg)\n"


def _goals(result: dict[str, Any]) -> Iterator[str]:
    rows = [[goal.what, goal.wanted, goal.reached, "yes" if goal.met else "**no**"] for goal in goals.of(result)]
    if rows:
        yield "## Goals\n"
        yield markdown(["onrecord's", "wanted", "reached", "met"], rows)


def _medians(engines: dict[str, Any], names: tuple[str, ...]) -> dict[str, Metrics]:
    return {engines[name]["title"]: engines[name]["medians"] for name in names if name in engines}


def _rows(found: dict[str, Metrics], lines: list[tuple[str, str, bool | None]]) -> list[list[str]]:
    """One row a figure: its title, its key, and whether smaller is better (None: neither is)."""
    rows = []
    for title, key, smaller in lines:
        cells = [metrics.get(key) for metrics in found.values()]
        if any(cell is not None for cell in cells):
            shown = [figure(cell) for cell in cells] if smaller is None else best_bold(cells, smaller)
            rows.append([title, *shown])
    return rows


def _bulk(engines: dict[str, Any]) -> Iterator[str]:
    found = _medians(engines, ASKED)
    if not found:
        return
    lines: list[tuple[str, str, bool | None]] = [
        ("bulk load, records/s", "load_rows_per_second", False),
        ("upkeep after it, s", "settle_seconds", None),
        ("peak memory of the load, MB", "load_peak_mb", True),
        ("bytes a record", "bytes_per_record", True),
        ("the same with ZSTD", "zstd_bytes_per_record", None),
        ("start until it answers, ms", "start_ms", True),
        ("the same, nothing in the page cache, ms", "cold_start_ms", True),
        ("memory when idle, MB", "idle_mb", True),
        ("memory after the queries, MB", "asked_mb", True),
    ]
    yield "## Bulk load, size, start\n"
    yield markdown(["", *found], _rows(found, lines))
    yield _spread(engines, "load_rows_per_second", "bulk load, records/s")


def _queries(engines: dict[str, Any]) -> Iterator[str]:
    found = _medians(engines, ASKED)
    if not found:
        return
    yield "## The seven queries\n"
    yield (
        "ms until every row is in the asker's process: Arrow from DuckDB and ClickHouse, libpq rows from PostgreSQL, the "
        "last byte of an Arrow stream over HTTP from onrecord. All engines gave the same answers.\n"
    )
    for state, title in (
        ("warm", "Warm: the median of repeats"),
        ("fresh", "Fresh: first asked after the load, the engine just started"),
        ("cold", "Cold: first asked after a start, with nothing in the page cache"),
    ):
        lines: list[tuple[str, str, bool | None]] = [
            (text, f"{state}_ms.{name}", True) for name, text in queries.TITLES.items()
        ]
        yield f"### {title}\n"
        yield markdown(["ms", *found], _rows(found, lines))


def _writes(engines: dict[str, Any]) -> Iterator[str]:
    rows = []
    for engine in engines.values():
        metrics = engine["medians"]
        for clients in CLIENTS:
            if rate := metrics.get(f"writes_per_second.{clients}"):
                latencies = [metrics.get(f"write_p50_ms.{clients}"), metrics.get(f"write_p99_ms.{clients}")]
                rows.append([engine["title"], str(clients), figure(rate), *map(figure, latencies)])
    if rows:
        yield "## Single writes\n"
        yield (
            "Closed loop. PostgreSQL's and onrecord's are durable when acknowledged, auditchain's are as SQLite's "
            "defaults have it, ai-audit-trail's are in memory only.\n"
        )
        yield markdown(["", "clients", "writes/s", "p50 ms", "p99 ms"], rows)
        yield _spread(engines, "writes_per_second.32", "writes/s at 32 clients")


def _proofs(engines: dict[str, Any]) -> Iterator[str]:
    found = _medians(engines, ("onrecord", "auditchain", "ai_audit_trail"))
    lines: list[tuple[str, str, bool | None]] = [
        ("verified, records/s", "verify_per_second", False),
        ("appended in bulk, records/s", "load_rows_per_second", False),
        ("bytes a record", "bytes_per_record", True),
    ]
    if rows := _rows(found, lines):
        yield "## Beside other tamper-evident logs\n"
        yield markdown(["", *found], rows)


def _ours(engines: dict[str, Any]) -> Iterator[str]:
    if "onrecord" not in engines:
        return
    metrics: Metrics = engines["onrecord"]["medians"]
    yield "## onrecord alone\n"
    prefix = "bytes_per_record."
    # What does not grow with the records is said in one figure.
    parts = {key.removeprefix(prefix): value for key, value in metrics.items() if key.startswith(prefix)}
    shown = {name: value for name, value in parts.items() if value >= 0.5}
    rows = [[f"bytes a record in {name}", figure(value)] for name, value in shown.items()]
    rows.append(["bytes a record in all else", figure(sum(parts.values()) - sum(shown.values()))])
    for title, key in (
        ("verify, peak memory, MB", "verify_peak_mb"),
        ("a write is in a query's answer after its receipt, median ms, the query included", "visible_ms"),
        ("the same, slowest, ms", "visible_max_ms"),
        ("share seen by the first query", "visible_at_first_ask"),
        ("open loop of 256 clients: writes/s asked", "open_loop_rate"),
        ("p50 from when each was due, ms", "open_loop_p50_ms"),
        ("p99 from when each was due, ms", "open_loop_p99_ms"),
        ("import through the server while queries run, records/s", "busy_load_rows_per_second"),
        ("single writes/s at 32 clients while queries run", "busy_writes_per_second.32"),
        ("p99 of these, ms", "busy_write_p99_ms.32"),
        ("peak memory of the server in all this, MB", "serve_peak_mb"),
        ("receipts checked in a run of single writes", "receipts_checked.32"),
    ):
        if key in metrics:
            rows.append([title, figure(metrics[key])])
    rows += [
        [f"{title}, while an import runs, ms", figure(metrics[f"busy_ms.{name}"])]
        for name, title in queries.TITLES.items()
        if f"busy_ms.{name}" in metrics
    ]
    yield markdown(["", ""], rows)


def _set_up(engines: dict[str, Any]) -> Iterator[str]:
    yield "## How each was set up\n"
    for engine in engines.values():
        yield f"- **{engine['title']}** ({engine['version']}): {engine['settings']}."
    yield ""


def _spread(engines: dict[str, Any], key: str, what: str) -> str:
    """How far the rounds lay apart: a ratio within that says nothing."""
    found = []
    for engine in engines.values():
        values = [metrics[key] for metrics in engine["rounds"] if key in metrics]
        if len(values) > 1:
            found.append(f"{engine['title']} {figure(min(values))}–{figure(max(values))}")
    return f"Over the rounds, {what}: {'; '.join(found)}.\n" if found else ""
