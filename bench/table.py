"""Markdown tables of figures."""

from collections.abc import Iterable, Sequence


def figure(value: float | None) -> str:
    """Three digits that count, and no more."""
    if value is None:
        return "–"
    size = abs(value)
    if size >= 1000:
        digits = max(0, len(str(int(size))) - 3)
        return f"{round(value, -digits):,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table: text to the left in the first column, figures to the right in the others."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def best_bold(cells: Sequence[float | None], smaller_is_better: bool) -> list[str]:
    """Figures, the best of them in bold."""
    values = [value for value in cells if value is not None]
    best = (min(values) if smaller_is_better else max(values)) if len(values) > 1 else None
    return [f"**{figure(value)}**" if value is not None and value == best else figure(value) for value in cells]
