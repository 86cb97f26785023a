"""Child processes: started, watched, stopped whatever happens, and the page cache dropped under their files."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import interrupt
from peers.engine import Failed

POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Finished:
    """A command that ended well."""

    seconds: float
    peak_mb: float
    cpu_seconds: float
    stdout: str


def status_mb(pid: int, key: str) -> float:
    """A memory figure of a process; 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def run(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Finished:
    """Runs a command to its end, watching its memory.

    The peak is VmHWM as last seen: `ru_maxrss` would also count this process, which the child was forked from.
    """
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        started = time.perf_counter()
        child, watch = None, None
        try:
            with interrupt.deferred():
                child = subprocess.Popen(
                    [str(part) for part in command],
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    env={**os.environ, **(env or {})},
                )
            watch = _Watch(child.pid)
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            if child:
                child.kill()
                child.wait()
            raise
        finally:
            seconds = time.perf_counter() - started
            if watch:
                watch.over.set()
        child.returncode = os.waitstatus_to_exitcode(status)
        stdout.seek(0)
        stderr.seek(0)
        said, complaint = stdout.read(), stderr.read().strip()
    if child.returncode != 0:
        shown = " ".join(str(part) for part in command[:2])
        raise Failed(f"{shown} … failed with {child.returncode}: {complaint[-2000:]}")
    return Finished(seconds, watch.peak_mb, usage.ru_utime + usage.ru_stime, said)


class _Watch(threading.Thread):
    """Looks at a process's peak memory until it ends, on a thread of its own so that its end is noticed at once."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak_mb = 0.0
        self.over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.over.wait(POLL_SECONDS):
            self.peak_mb = max(self.peak_mb, status_mb(self.pid, "VmHWM"))


def bound_to_us(command: Sequence[str | Path], user: str | None = None) -> list[str]:
    """The command so that it is stopped even if this process is killed, and runs as `user` if that is given."""
    identity = ["--reuid", user, "--regid", user, "--init-groups"] if user else []
    # SIGINT is the quick and orderly stop of PostgreSQL and of onrecord alike.
    return ["setpriv", "--pdeathsig", "INT", *identity, "--", *(str(part) for part in command)]


class Service:
    """A program that runs until it is stopped. It has a session of its own: Ctrl-C reaches it through us only."""

    def __init__(self, command: Sequence[str | Path], log: Path, user: str | None = None) -> None:
        self.log = log
        self.name = Path(command[0]).name
        with log.open("wb") as output:
            self.child = subprocess.Popen(
                bound_to_us(command, user),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.child.pid

    def must_run(self) -> None:
        """Says why, if it has ended."""
        if self.child.poll() is not None:
            tail = self.log.read_text(errors="replace")[-2000:].strip()
            raise Failed(f"{self.name} ended with {self.child.returncode}: {tail}")

    def stop(self) -> None:
        """Asks it to end, and insists after a minute."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
            try:
                self.child.wait(60)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


def evict(directory: Path) -> None:
    """Drops the files of `directory` from the page cache: what is read next comes from the disk.

    Only these files, not the whole cache: programs and libraries stay in memory, as they would beside other work.
    """
    os.sync()
    for folder, _, names in os.walk(directory):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                handle = os.open(path, os.O_RDONLY)
                try:
                    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(handle)


def bytes_of(path: Path) -> int:
    """Bytes of all files under `path`."""
    if path.is_file():
        return path.stat().st_size
    return sum(Path(folder, name).stat().st_size for folder, _, names in os.walk(path) for name in names)
