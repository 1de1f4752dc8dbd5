"""One look for all figures: colours safe for colour-blind readers, a light grid, labels beside lines."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sme_analysis.report.quantities import number_text

DPI = 150
WIDTH = 7.2  # inches; 1,080 pixels, sharp in a column 46rem (736 CSS pixels) wide

# Okabe and Ito (2008), Color Universal Design, darkened where lines need 3:1 contrast on white.
PALETTE: dict[str, str] = {
    "policy": "#0072B2",
    "counterfactual": "#6B7177",
    "neutral": "#9AA1A7",
    "accent": "#D55E00",
    "good": "#00875F",
    "bad": "#C1440E",
    "good_band": "#CDE9DF",
    "bad_band": "#F8DCCB",
    "band": "#CFE2F0",
    "ink": "#24292E",
    "quiet": "#52575C",
    "grid": "#E3E6E8",
}
SEQUENCE: tuple[str, ...] = ("#0072B2", "#D55E00", "#00875F", "#AA4A86", "#8A6D00", "#3A9BD0", "#6B7177")

_LABEL = "line-label"
_GAP = 1.15  # line heights between two labels


def use_style() -> None:
    """Set matplotlib's defaults for every figure made from now on."""
    matplotlib.rcParams.update(
        {
            "figure.constrained_layout.use": True,
            "figure.dpi": DPI,
            "figure.facecolor": "white",
            "figure.figsize": (WIDTH, 3.8),
            "savefig.dpi": DPI,
            "savefig.facecolor": "white",
            "svg.hashsalt": "sme-analysis",
            "font.family": ["DejaVu Sans"],
            "font.size": 10,
            "text.color": PALETTE["ink"],
            "axes.prop_cycle": cycler(color=SEQUENCE),
            "axes.edgecolor": PALETTE["neutral"],
            "axes.labelcolor": PALETTE["quiet"],
            "axes.labelsize": 10,
            "axes.titlesize": 11,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.unicode_minus": True,
            "grid.color": PALETTE["grid"],
            "grid.linewidth": 0.8,
            "lines.linewidth": 2.0,
            "xtick.color": PALETTE["neutral"],
            "ytick.color": PALETTE["neutral"],
            "xtick.labelcolor": PALETTE["quiet"],
            "ytick.labelcolor": PALETTE["quiet"],
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "legend.frameon": False,
            "legend.fontsize": 9,
        }
    )


def new_figure(width: float = WIDTH, height: float = 3.8) -> Figure:
    """Return an empty figure that no global registry holds, so that it is freed when dropped.

    Parameters
    ----------
    width, height : float
        Inches; text keeps its size, and the default width fills the column of a page.

    Returns
    -------
    Figure
        With constrained layout; add axes with `fig.subplots()`.
    """
    return Figure(figsize=(width, height), layout="constrained", dpi=DPI, facecolor="white")


def axis_percent(axis: Axis, digits: int = 3) -> None:
    """Label an axis of fractions in percent.

    Parameters
    ----------
    axis : Axis
        Such as `ax.yaxis`.
    digits : int
        Significant digits.
    """
    axis.set_major_formatter(FuncFormatter(lambda value, _: number_text(round(value, 12), "share", digits)))


def axis_money(axis: Axis, digits: int = 3) -> None:
    """Label an axis of CNY million, all of it in millions or all of it in billions.

    Parameters
    ----------
    axis : Axis
        Such as `ax.yaxis`.
    digits : int
        Significant digits.
    """

    def written(value: float, _: int | None) -> str:
        low, high = axis.get_view_interval()
        scale, word = (1000.0, "bn") if max(abs(low), abs(high)) >= 1000 else (1.0, "m")
        text = number_text(round(value, 9) / scale, "number", digits)
        sign = "−" if text.startswith("−") else ""
        return "0" if text == "0" else f"{sign}CNY {text.removeprefix(sign)} {word}"

    axis.set_major_formatter(FuncFormatter(written))


def axis_years(axis: Axis) -> None:
    """Label an axis of calendar years with whole years only.

    Parameters
    ----------
    axis : Axis
        Such as `ax.xaxis`.
    """
    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))


def label_line(ax: Axes, x: float, y: float, text: str, color: str | None = None) -> Annotation:
    """Write a line's name beside its end, in place of a legend.

    The layout makes room to the right; labels that would overlap are moved apart when the figure is saved.

    Parameters
    ----------
    ax : Axes
        Where the line is.
    x, y : float
        The line's last point, in data units.
    text : str
        Its name.
    color : str, optional
        The line's colour.

    Returns
    -------
    Annotation
        The label.
    """
    return ax.annotate(
        text,
        (x, y),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        ha="left",
        fontsize=9,
        color=color or PALETTE["ink"],
        annotation_clip=False,
        gid=_LABEL,
    )


def folded(text: str, width: int = 40) -> str:
    """Return text broken once, at the last blank before `width` letters, for labels beside an axis."""
    if len(text) <= width:
        return text
    cut = text.rfind(" ", 0, width)
    return f"{text[:cut]}\n{text[cut + 1 :]}"


def settle_labels(fig: Figure) -> None:
    """Move labels made by `label_line` apart and keep them within the height of their axes.

    Parameters
    ----------
    fig : Figure
        Changed in place.
    """
    fig.draw_without_rendering()
    for ax in fig.axes:
        labels = [text for text in ax.texts if isinstance(text, Annotation) and text.get_gid() == _LABEL]
        labels.sort(key=lambda label: ax.transData.transform(label.xy)[1])
        box = ax.get_window_extent()
        heights = [label.get_window_extent().height * _GAP for label in labels]
        wanted = [float(ax.transData.transform(label.xy)[1]) for label in labels]
        for label, was, now in zip(labels, wanted, spread(wanted, heights, box.y0, box.y1), strict=True):
            label.set_position((5, (now - was) * 72 / fig.dpi))


def spread(wanted: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """Return centres near the wanted ones that keep boxes apart and, if they fit, between two bounds.

    Parameters
    ----------
    wanted : sequence of float
        Centres, rising.
    heights : sequence of float
        Height of each box.
    low, high : float
        Bounds for the edges.

    Returns
    -------
    list of float
        Centres in the same order. Boxes that overlap form a block about the mean of what they want.
    """
    blocks: list[tuple[list[int], float, float]] = []  # members, size, centre
    for index, (centre, size) in enumerate(zip(wanted, heights, strict=True)):
        members = [index]
        while True:
            centre = min(max(centre, low + size / 2), max(high - size / 2, low + size / 2))
            if not blocks or blocks[-1][2] + blocks[-1][1] / 2 <= centre - size / 2 + 1e-9:
                break
            members = blocks.pop()[0] + members
            size = sum(heights[member] for member in members)
            centre = sum(wanted[member] for member in members) / len(members)
        blocks.append((members, size, centre))
    centres: list[float] = []
    for members, size, centre in blocks:
        edge = centre - size / 2
        for member in members:
            centres.append(edge + heights[member] / 2)
            edge += heights[member]
    return centres


def png(fig: Figure) -> bytes:
    """Return a figure as PNG, the same bytes every time.

    Parameters
    ----------
    fig : Figure
        Its labels are settled first.

    Returns
    -------
    bytes
        At `DPI`, without date or software version.
    """
    settle_labels(fig)
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def close(fig: Figure) -> None:
    """Drop a figure, so that a notebook does not show it a second time.

    Parameters
    ----------
    fig : Figure
        Made by pyplot or not.
    """
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(fig)
