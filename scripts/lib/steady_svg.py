"""Small SVG files that are the same each time they are drawn, of figures that look alike. Import it before
matplotlib.pyplot: the backend is chosen here."""

import io
import pathlib
import re

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({
    "svg.hashsalt": "millrace",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "lines.linewidth": 0.9,
})

import matplotlib.pyplot as plt  # noqa: E402  (the backend is chosen first)


def _in_tenths(number: re.Match) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")


def save(figure, path: pathlib.Path) -> None:
    """Writes it, and lets go of it."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    # A tenth of a point is finer than anybody sees, and a third of the size.
    small = re.sub(r' d="[^"]*"', lambda found: re.sub(r"-?\d+\.\d+", _in_tenths, found[0]), text.getvalue())
    path.write_text(re.sub(r"[ \t]+\n", "\n", small), encoding="utf-8")
