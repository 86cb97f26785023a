"""The machine that a run was made on, as far as it bears on the figures."""

import os
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

SYNCS = 200
STREAM_BYTES = 256 << 20


def describe(work: Path) -> dict[str, str]:
    """What to say above the figures; writes to `work` to learn what its disk does."""
    sync_ms, p99_ms = fdatasync_ms(work)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "CPU": f"{_field('/proc/cpuinfo', 'model name') or platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{int((_field('/proc/meminfo', 'MemTotal') or '0').split()[0]) / (1 << 20):.0f} GiB",
        "system": f"{_release()}, Linux {platform.release()}",
        "disk": _disk(work),
        "fdatasync of 4 KiB": f"{sync_ms:.2f} ms median, {p99_ms:.2f} ms p99 of {SYNCS}",
        "sequential write with fsync": f"{stream_mb_per_second(work):,.0f} MB/s",
        "Python": platform.python_version(),
    }


def fdatasync_ms(work: Path) -> tuple[float, float]:
    """Median and p99 of appending 4 KiB and making it durable, which bounds what a durable write can cost."""
    path = work / "sync.probe"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        taken = []
        for _ in range(SYNCS):
            started = time.perf_counter()
            os.write(handle, bytes(4096))
            os.fdatasync(handle)
            taken.append((time.perf_counter() - started) * 1000)
    finally:
        os.close(handle)
        path.unlink()
    taken.sort()
    return statistics.median(taken), taken[len(taken) * 99 // 100]


def stream_mb_per_second(work: Path) -> float:
    """Writing a large file to the disk, once."""
    path = work / "stream.probe"
    piece = os.urandom(1 << 20)
    started = time.perf_counter()
    try:
        with path.open("wb") as file:
            for _ in range(STREAM_BYTES // len(piece)):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        return STREAM_BYTES / 1e6 / (time.perf_counter() - started)
    finally:
        path.unlink(missing_ok=True)


def _field(path: str, name: str) -> str | None:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None


def _release() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _disk(work: Path) -> str:
    """The file system of `work`: that of the mount whose point is its longest prefix."""
    best, kind = "", "?"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, name, *_ = line.split()
        if str(work.resolve()).startswith(point.rstrip("/") + "/") and len(point) > len(best):
            best, kind = point, name
    free = os.statvfs(work)
    return f"{kind}, {free.f_bavail * free.f_frsize / 1e9:,.0f} GB free"
