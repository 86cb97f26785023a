"""`bench/answers`: what calls and reports cost, and what reviews and outcomes add to them."""

import argparse
import json
import os
import shlex
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import machine
import process
import queries
import workload
from compare import guarded, shown_words
from measure import say
from peers import onrecord
from peers.engine import Failed, Metrics
from table import figure, markdown

BYTES_PER_RECORD = 2_500
CALL_REPEATS = 31
REPORT_REPEATS = 7
TICKS = os.sysconf("SC_CLK_TCK")
MODEL = "loan_approval_model"
DAYS = "days=40"
REPORTS = {
    "usage": "",
    "confidence": "&positive=prediction.approved%3Dtrue",
    "confidence with outcomes": "&positive=prediction.approved%3Dtrue&outcome=outcome.repaid%3Dtrue",
    "fairness": "&group=input_features.gender&positive=prediction.approved%3Dtrue",
    "fairness with outcomes": "&group=input_features.gender&positive=prediction.approved%3Dtrue"
    "&outcome=outcome.repaid%3Dtrue",
    "overrides": "",
    "drivers": "",
    "volume": "",
}
GOALS = {1_000_000: {"call": 5.0, "report": 300.0}, 10_000_000: {"call": 5.0, "report": 1500.0}}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/answers", description="Measures calls and reports, before and after reviews and outcomes."
    )
    parser.add_argument("--records", type=int, default=1_000_000, help="how many decisions [default: 1,000,000]")
    parser.add_argument("--followed", type=int, help="how many of them get a review and an outcome [default: all]")
    workload.add_arguments(parser)
    given = parser.parse_args()
    given.followed = given.records if given.followed is None else given.followed
    if given.records < 1000 or not 0 <= given.followed <= given.records:
        parser.error("there must be 1,000 records, and no more followed ones than these")
    return given


def follow(decisions: Path, count: int, output: Path) -> None:
    """Reviews and outcomes of the first decisions: one in fifty overridden, nine in ten repaid."""
    with decisions.open("rb") as lines, output.open("w") as out:
        for number, line in zip(range(count), lines, strict=False):
            decision = json.loads(line)
            about = {"decision_id": decision["decisionId"]}
            review = {"kind": "review", **about, "reviewer": f"reviewer_{number % 50}"}
            if number % 50 == 0:
                other = {"approved": not decision["prediction"]["approved"]}
                review |= {"overridden": True, "human_decision": other, "override_reason": f"reason {number % 7}"}
            else:
                review |= {"overridden": False}
            outcome = {"kind": "outcome", **about, "outcome": {"repaid": number * 7919 % 10 != 0}}
            out.write(f"{json.dumps(review)}\n{json.dumps(outcome)}\n")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def timed(engine: onrecord.Engine, path: str, repeats: int, statement: str | None = None) -> tuple[float, float]:
    """The median of the time until the answer is here, and the mean of the server's processor time; both in ms."""
    connection = engine.connected()
    pid = engine.service.pid if engine.service else 0
    seconds = []
    for number in range(repeats + 2):
        if number == 2:
            before = cpu_seconds(pid)
        reply = connection.post(path, {"sql": statement}) if statement else connection.read(path)
        if reply.status != 200:
            raise Failed(f"{path}: {reply.status} {reply.body[:500]!r}")
        seconds.append(reply.seconds)
    return statistics.median(seconds[2:]) * 1000, (cpu_seconds(pid) - before) / repeats * 1000


def cursor_after(engine: onrecord.Engine, path: str, pages: int) -> str:
    """The cursor of a later page."""
    cursor = ""
    for _ in range(pages):
        reply = engine.connected().read(f"{path}&limit=100{cursor}")
        if not (following := json.loads(reply.body)["next_cursor"]):
            break
        cursor = f"&cursor={following}"
    return cursor


def calls(sample: dict[str, Any]) -> Iterator[tuple[str, str]]:
    user, decision = sample["userId"], sample["decisionId"]
    application = sample["inputFeatures"]["application_id"]
    yield "explanation", f"/v1/decisions/{decision}/explanation"
    yield "history of a person", f"/v1/subjects/{user}/history"
    yield "decisions of a user", f"/v1/decisions?user_id={user}"
    yield "decisions of an application id", f"/v1/decisions?where=input_features.application_id%3D{application}"
    yield "decisions with low confidence", "/v1/decisions?confidence_below=0.7"
    yield "decisions of a model, page 1", f"/v1/decisions?model_id={MODEL}"


def measured(engine: onrecord.Engine, load: Any, sample: dict[str, Any]) -> Metrics:
    metrics: Metrics = {}

    def note(name: str, times: tuple[float, float]) -> None:
        metrics[f"ms.{name}"], metrics[f"cpu_ms.{name}"] = times
        say(f"{name}: {times[0]:.1f} ms, {times[1]:.1f} ms of processor time")

    for name, path in calls(sample):
        note(f"call.{name}", timed(engine, path, CALL_REPEATS))
    path = f"/v1/decisions?model_id={MODEL}"
    later = cursor_after(engine, path, 500)
    note("call.decisions of a model, page 500", timed(engine, f"{path}&limit=100{later}", CALL_REPEATS))
    for name, spell in load.statements.items():
        note(f"sql.{queries.TITLES[name]}", timed(engine, "/v1/sql", REPORT_REPEATS, spell("onrecord")))
    for name, more in REPORTS.items():
        path = f"/v1/reports/{name.partition(' ')[0]}?model_id={MODEL}&{DAYS}{more}"
        started = timed(engine, path, 1)
        note(f"report.{name}", timed(engine, path, REPORT_REPEATS) if started[0] < 5000 else started)
    metrics["peak_mb"] = process.status_mb(engine.service.pid, "VmHWM") if engine.service else 0.0
    return metrics


def run(given: argparse.Namespace) -> dict[str, Any]:
    with workload.directory(given.work, given.records * BYTES_PER_RECORD + (2 << 30)) as work:
        say(f"making {given.records:,} decisions")
        load = workload.make(work, given.records, given, write_seconds=0)
        sample = workload.line_in_the_middle(load.file)
        engine = onrecord.Engine(load)
        result = {
            "command": shlex.join(["bench/answers", *shown_words(sys.argv[1:])]),
            "machine": machine.describe(work),
            "records": given.records,
            "followed": given.followed,
            "version": engine.version(),
        }
        try:
            engine.prepare()
            engine.load()
            say("decisions alone")
            engine.open()
            result["alone"] = measured(engine, load, sample)
            engine.shut()
            followers = work / "followers.jsonl"
            follow(load.file, given.followed, followers)
            say("importing reviews and outcomes")
            done = engine.command("import", followers)
            result["rows_per_second"] = 2 * given.followed / done.seconds
            engine.open()
            say("after a start, the first query that shows what reviews replace")
            overrides = load.statements["overrides"]("onrecord")
            result["first_ms"] = engine.connected().post("/v1/sql", {"sql": overrides}).seconds * 1000
            say("with reviews and outcomes")
            result["followed_by"] = measured(engine, load, sample)
        finally:
            engine.shut()
        return result


def report(result: dict[str, Any]) -> str:
    alone, followed = result["alone"], result["followed_by"]
    names = [name.partition(".")[2] for name in alone if name.startswith("ms.")]
    goals = GOALS.get(result["records"], {})
    rows = []
    for name in names:
        kind, _, title = name.partition(".")
        one, other = alone[f"ms.{name}"], followed[f"ms.{name}"]
        ratio = followed[f"cpu_ms.{name}"] / max(alone[f"cpu_ms.{name}"], 1e-3)
        goal = goals.get(kind)
        shown = figure(one) if goal is None or one <= goal else f"**{figure(one)}**"
        rows.append([
            f"{kind}: {title}", shown, figure(alone[f"cpu_ms.{name}"]), figure(goal) if goal else "",
            figure(other), figure(followed[f"cpu_ms.{name}"]), f"{ratio:.2f}",
        ])  # fmt: skip
    head = ["", "ms", "processor, ms", "goal, ms", "ms, followed", "processor, ms, followed", "× processor"]
    return "\n".join([
        "# What calls and reports cost\n",
        f"{result['version']}; {result['records']:,} decisions, then {result['followed']:,} reviews and as many "
        f"outcomes of them. Over HTTP, each answer put on the record; medians of {CALL_REPEATS} calls, "
        f"{REPORT_REPEATS} queries or reports, of one model of five. What misses its goal is bold.\n",
        f"```sh\n{result['command']}\n```\n",
        markdown(["machine", ""], [[key, value] for key, value in result["machine"].items()]),
        markdown(head, rows),
        markdown(["", ""], [
            ["import of reviews and outcomes, rows/s", figure(result["rows_per_second"])],
            ["the first query after a start that shows what reviews replace, ms", figure(result["first_ms"])],
            ["peak memory of the server, MB: decisions alone", figure(alone["peak_mb"])],
            ["peak memory of the server, MB: with reviews and outcomes", figure(followed["peak_mb"])],
        ]),
    ])  # fmt: skip


def write(result: dict[str, Any], output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    (output / "answers.json").write_text(json.dumps(result, indent=1) + "\n")
    (output / "answers.md").write_text(report(result))
    say(f"written to {output}: answers.md, answers.json")


def main() -> int:
    given = arguments()
    return guarded(lambda: write(run(given), given.output))


if __name__ == "__main__":
    sys.exit(main())
