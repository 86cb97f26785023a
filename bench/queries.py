"""The seven queries, in each engine's spelling, and what makes two answers the same.

The first six are the seed's own (examples/seed_queries.sql), the seventh looks up one application. NOW() is replaced by
a fixed instant, as it differs by seconds from engine to engine and the answers must be the same.
"""

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

TITLES = {
    "user": "one user's decisions",
    "low_confidence": "low confidence, 7 days",
    "groups": "approval by group, 30 days",
    "overrides": "overrides, 7 days",
    "usage": "usage per day, 30 days",
    "confidence": "confidence buckets, 30 days",
    "application": "one application id",
}
NAMES = tuple(TITLES)

_APPLICATION = """SELECT event_id, timestamp, model_id, prediction, confidence, explanation FROM ai_audit_logs
WHERE input_features->>'application_id' = '{application}'"""

# How an engine that does not speak PostgreSQL's dialect says the same.
_DIALECTS: dict[str, list[tuple[str, str]]] = {
    "postgresql": [],
    "onrecord": [],
    "duckdb": [("TIMESTAMPTZ '", "TIMESTAMP '"), ("DATE(timestamp)", "CAST(timestamp AS DATE)")],
    "clickhouse": [
        ("TIMESTAMPTZ '", "toDateTime64('"),
        ("+00:00'", "', 6, 'UTC')"),
        ("input_features->>'gender'", "input_features.gender"),
        ("input_features->>'application_id'", "input_features.application_id"),
        ("prediction->>'approved' = 'true'", "prediction.approved"),
    ],
}


def statements(seed: Path, user: str, application: str, end: datetime) -> dict[str, Callable[[str], str]]:
    """Each query as a function from an engine's name to its text."""
    text = re.sub(r"--[^\n]*", "", seed.read_text())
    found = [statement.strip() for statement in text.split(";") if statement.strip()] + [_APPLICATION]
    if len(found) != len(NAMES):
        raise ValueError(f"{seed} holds {len(found) - 1} queries, not {len(NAMES) - 1}")

    def fixed(match: re.Match[str]) -> str:
        instant = end - timedelta(days=int(match[1]))
        return f"TIMESTAMPTZ '{instant.isoformat(sep=' ', timespec='microseconds')}'"

    def spell(statement: str) -> Callable[[str], str]:
        statement = statement.replace("user_12345", user).replace("{application}", application)
        statement = re.sub(r"NOW\(\) - INTERVAL '(\d+) days'", fixed, statement)

        def spelled(engine: str) -> str:
            text = statement
            for ours, theirs in _DIALECTS[engine]:
                text = text.replace(ours, theirs)
            return text

        return spelled

    return {name: spell(statement) for name, statement in zip(NAMES, found, strict=True)}


def needed(names: Sequence[str]) -> list[str]:
    """The columns of an answer that its digest reads: a million rows need not be taken apart for one column."""
    return ["event_id"] if "event_id" in names else list(names)


def digest(columns: Mapping[str, Sequence[Any]]) -> Any:
    """What an answer comes to: which events, or every row of an aggregate."""
    if "event_id" in columns:
        ids = sorted(str(value).replace("-", "").lower() for value in columns["event_id"])
        return {"rows": len(ids), "events": hashlib.sha256("\n".join(ids).encode()).hexdigest()}
    rows = zip(*columns.values(), strict=True)
    return {"groups": sorted([_plain(value) for value in row] for row in rows)}


def _plain(value: Any) -> Any:
    """Numbers as floats, all else as text: engines differ in types that mean the same."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def same(one: Any, other: Any) -> bool:
    """Whether two digests are the same, numbers within rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return one == other
