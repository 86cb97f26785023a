"""The charts, as SVG with text that stays text."""

import textwrap
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams |= {
    "svg.fonttype": "none",
    "svg.hashsalt": "onrecord",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
}
import matplotlib.pyplot as plot  # noqa: E402  (after the settings, which it reads)
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.axis import Axis  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullFormatter  # noqa: E402

import queries  # noqa: E402
from table import figure  # noqa: E402

COLOURS = {"postgresql": "#8c9bad", "duckdb": "#d9a441", "clickhouse": "#b5705e", "onrecord": "#1f5fa8"}


def comparison(result: dict[str, Any], path: Path) -> None:
    """Three figures above, the queries below."""
    engines = {name: result["engines"][name] for name in COLOURS if name in result["engines"]}
    if not engines:
        return
    drawing = plot.figure(figsize=(10, 7), layout="constrained")
    grid = drawing.add_gridspec(2, 3, height_ratios=(1, 1.7))
    for place, (key, title) in enumerate(
        (
            ("load_rows_per_second", "Bulk load, records/s"),
            ("writes_per_second.32", "Single writes/s, 32 clients"),
            ("bytes_per_record", "Bytes a record"),
        )
    ):
        _bars(drawing.add_subplot(grid[0, place]), engines, key, title)
    _grouped(drawing.add_subplot(grid[1, :]), engines)
    drawing.savefig(path, metadata={"Date": None})
    plot.close(drawing)


def _bars(axes: Axes, engines: dict[str, Any], key: str, title: str) -> None:
    shown = {name: engine["medians"][key] for name, engine in engines.items() if key in engine["medians"]}
    labels = [engines[name]["title"] for name in shown]
    bars = axes.barh(labels, list(shown.values()), color=[COLOURS[name] for name in shown])
    axes.bar_label(bars, [figure(value) for value in shown.values()], padding=3)
    axes.invert_yaxis()
    axes.set_title(title)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.margins(x=0.25)


def _grouped(axes: Axes, engines: dict[str, Any]) -> None:
    width = 0.8 / len(engines)
    for place, (name, engine) in enumerate(engines.items()):
        values = [engine["medians"][f"warm_ms.{query}"] for query in queries.NAMES]
        positions = [index + place * width for index in range(len(values))]
        bars = axes.bar(positions, values, width * 0.92, color=COLOURS[name], label=engine["title"])
        axes.bar_label(bars, [figure(value) for value in values], padding=2, fontsize=7, rotation=90)
    axes.set_yscale("log")
    _written_out(axes.yaxis)
    axes.margins(y=0.15)
    centres = [index + width * (len(engines) - 1) / 2 for index in range(len(queries.NAMES))]
    axes.set_xticks(centres, [textwrap.fill(title, 16) for title in queries.TITLES.values()])
    axes.set_title("The seven queries, warm: ms until every row is there (log scale, less is better)")
    axes.legend(frameon=False, ncols=len(engines), loc="upper left", bbox_to_anchor=(0, -0.14))


def _written_out(axis: Axis) -> None:
    """Figures of a logarithmic axis as figures, not as powers."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_formatter(NullFormatter())


def growth(result: dict[str, Any], path: Path) -> None:
    """Cost a record against the number of records: flat is linear, rising grows faster than the work."""
    sizes = [size["records"] for size in result["sizes"]]
    drawing, panels = plot.subplots(1, 3, figsize=(11, 4.6), layout="constrained")

    def line(axes: Axes, key: str, label: str, scale: float = 1.0) -> None:
        values = [size["medians"][key] * scale for size in result["sizes"]]
        axes.plot(sizes, values, marker="o", markersize=4, label=label)

    for key, label in (("load_rows_per_second", "import"), ("verify_per_second", "verify")):
        line(panels[0], key, label)
    panels[0].set_title("Records/s (flat is linear)")
    for name, title in queries.TITLES.items():
        line(panels[1], f"warm_ms.{name}", title)
    panels[1].set_title("Queries, warm, ms")
    for key, label in (
        ("load_peak_mb", "import, peak MB"),
        ("idle_mb", "idle server, MB"),
        ("verify_peak_mb", "verify, peak MB"),
        ("start_ms", "start-up, ms"),
        ("bytes_per_record", "bytes a record"),
    ):
        line(panels[2], key, label)
    panels[2].set_title("Memory, start-up, size")
    for axes in panels:
        axes.set(xscale="log", yscale="log")
        _written_out(axes.xaxis)
        _written_out(axes.yaxis)
        axes.set_xlabel("records")
        axes.set_xticks(sizes, [_short(size) for size in sizes], minor=False)
        axes.set_xticks([], minor=True)
        axes.legend(frameon=False, fontsize=7, ncols=2, loc="upper left", bbox_to_anchor=(0, -0.16))
    drawing.savefig(path, metadata={"Date": None})
    plot.close(drawing)


def _short(records: int) -> str:
    if records >= 1_000_000:
        return f"{records / 1e6:g} M"
    return f"{records / 1000:g} k"
