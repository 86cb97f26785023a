"""Engines that live inside a Python process get one of their own, so that they can be restarted and their memory seen.

`python -m peers.NAME DIRECTORY FILE` serves that module's store: it obeys one JSON command a line on standard
input until that ends; `InProcess` is the other side. Clocks run in here, beside the engine.
"""

import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import interrupt
import process
from peers.engine import Answer, Failed, Metrics, Workload


class InProcess:
    """See `peers.engine.Engine`; a subclass names the engine and its package."""

    name: str
    title: str
    package: str

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.data = workload.work / self.name
        self.child: subprocess.Popen[str] | None = None
        self.busy = False

    def version(self) -> str:
        return f"{self.package} {version(self.package)}"

    def settings(self) -> str:
        raise NotImplementedError

    def open(self) -> None:
        command: list[str | Path] = [sys.executable, "-m", f"peers.{self.name}", self.data, self.workload.file]
        with interrupt.deferred():
            self.child = subprocess.Popen(
                process.bound_to_us(command),
                cwd=Path(__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        self.tell("open")

    def shut(self) -> None:
        if self.child and self.child.stdin:
            if self.busy:  # Its answer is not wanted any more.
                self.child.kill()
            self.child.stdin.close()
            try:
                self.child.wait(60)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.child, self.busy = None, False

    def tell(self, command: str, *arguments: Any) -> Any:
        """Has the store do `command`, and gives what it gave."""
        if not self.child or not self.child.stdin or not self.child.stdout:
            raise Failed(f"{self.title} does not run")
        self.busy = True
        self.child.stdin.write(json.dumps([command, *arguments]) + "\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            raise Failed(f"{self.title} ended with {self.child.wait()} while doing {command}")
        self.busy = False
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(f"{self.title}: {answer['error']}")
        return answer["done"]

    def prepare(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir()

    def load(self) -> Metrics:
        self.open()
        metrics = self.tell("load")
        metrics["load_peak_mb"] = process.status_mb(self.child.pid, "VmHWM") if self.child else 0.0
        self.shut()
        return metrics

    def ask(self, query: str, check: bool) -> Answer:
        answer = self.tell("ask", self.workload.statements[query](self.name), check)
        return Answer(answer["seconds"], answer["digest"])

    def bytes(self) -> dict[str, int]:
        return self.tell("bytes")

    def files(self) -> Path:
        return self.data

    def memory_mb(self) -> float:
        return process.status_mb(self.child.pid, "VmRSS") if self.child else 0.0

    def extras(self) -> Metrics:
        return {}


def serve(store_of: Any) -> None:
    """The process's side. Only answers go to standard output; whatever a library prints goes to standard error."""
    answers, sys.stdout = sys.stdout, sys.stderr
    store = store_of(Path(sys.argv[1]), Path(sys.argv[2]))
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        try:
            answer = {"done": getattr(store, command)(*arguments)}
        except Exception as error:  # Whatever it is, the other side says it and ends the run.
            answer = {"error": f"{command}: {type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
