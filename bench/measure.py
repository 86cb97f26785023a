"""The steps that every engine goes through in a round, in the same order."""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import process
import queries
from peers.engine import Engine, Failed, Metrics

WARM_REPEATS = 5
IDLE_SECONDS = 1.0

Digests = dict[str, Any]


def say(text: str) -> None:
    """Tells the person at the terminal how far it is."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def one_round(engine: Engine, records: int, extras: bool = True) -> tuple[Metrics, Digests]:
    """Everything about one engine, from an empty store to its removal. Gives also the digests of its answers."""
    try:
        metrics: Metrics = {}
        engine.prepare()
        metrics |= engine.load()
        metrics["load_rows_per_second"] = records / metrics["load_seconds"]
        if verify := getattr(engine, "verify", None):
            metrics |= verify()
        metrics["start_ms"] = _timed_open(engine)
        time.sleep(IDLE_SECONDS)
        metrics["idle_mb"] = engine.memory_mb()
        metrics |= _bytes(engine, records)
        digests = _fresh_and_warm(engine, metrics)
        metrics["asked_mb"] = engine.memory_mb()
        _cold(engine, metrics)
        if extras:
            metrics |= engine.extras()
        return metrics, digests
    finally:
        engine.shut()


def _timed_open(engine: Engine) -> float:
    started = time.perf_counter()
    engine.open()
    return (time.perf_counter() - started) * 1000


def _bytes(engine: Engine, records: int) -> Metrics:
    parts = engine.bytes()
    metrics = {f"bytes_per_record.{part}": count / records for part, count in parts.items()}
    metrics["bytes_per_record"] = sum(parts.values()) / records
    return metrics


def _fresh_and_warm(engine: Engine, metrics: Metrics) -> Digests:
    """Fresh: the very first time that it is asked after the load. Warm: the median of repeats."""
    digests: Digests = {}
    for query in queries.NAMES:
        answer = engine.ask(query, check=True)
        metrics[f"fresh_ms.{query}"] = answer.seconds * 1000
        digests[query] = answer.digest
    for query in queries.NAMES:
        repeats = [engine.ask(query, check=False).seconds * 1000 for _ in range(WARM_REPEATS)]
        metrics[f"warm_ms.{query}"] = statistics.median(repeats)
    return digests


def _cold(engine: Engine, metrics: Metrics) -> None:
    """Each query first thing after a start with none of the data in memory."""
    starts = []
    for query in queries.NAMES:
        engine.shut()
        process.evict(engine.files())
        starts.append(_timed_open(engine))
        metrics[f"cold_ms.{query}"] = engine.ask(query, check=False).seconds * 1000
    metrics["cold_start_ms"] = statistics.median(starts)


def must_agree(digests: dict[str, Digests]) -> None:
    """Fails loudly if two engines answer differently: their times would say nothing."""
    names = list(digests)
    for other in names[1:]:
        for query in queries.NAMES:
            one, two = digests[names[0]][query], digests[other][query]
            if not queries.same(one, two):
                raise Failed(
                    f"{names[0]} and {other} answer the query {query!r} differently:\n  {names[0]}: {str(one)[:1500]}"
                    f"\n  {other}: {str(two)[:1500]}"
                )


def must_not_be_empty(digests: Digests) -> None:
    """A query that finds nothing measures nothing."""
    for query, digest in digests.items():
        if not digest.get("rows", len(digest.get("groups", []))):
            raise Failed(f"the query {query!r} finds nothing in what was loaded")


def medians(rounds: list[Metrics]) -> Metrics:
    """Of every figure, over the rounds that have it."""
    names = {name: None for metrics in rounds for name in metrics}
    return {name: statistics.median(m[name] for m in rounds if name in m) for name in names}


def interleaved(engines: list[Any], rounds: int, step: Callable[[Any], None]) -> None:
    """Rounds in which each takes its turn, begun by another each time: what drifts on the machine hits all alike."""
    for number in range(rounds):
        turn = number % len(engines)
        for engine in engines[turn:] + engines[:turn]:
            say(f"round {number + 1} of {rounds}: {engine.title}")
            step(engine)
