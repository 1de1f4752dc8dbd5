"""The figure on validation: what causal studies found and what the model answers to the same experiments."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sme_analysis.report import style
from sme_analysis.report.quantities import number_text

# Panels by unit and size: what the axis counts, for the small rows of a unit and for its large ones.
PANELS = {
    "number": ("ratios", "elasticities"),
    "share": ("relative effects", "shares, and large relative effects"),
    "change_share": ("differences in percentage points", "large differences in percentage points"),
    "change_rate": ("changes of a rate", "large changes of a rate"),
}
APART = 5.0  # rows of a unit that are this much smaller than its largest stand in a panel of their own
VERDICTS = {"inside": "good", "sign only": "good", "within draws": "quiet"}  # colours; all others are misses


def forest_data(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the forest plot from `inference.validation.validate`, in the order in which they are drawn.

    Returns
    -------
    DataFrame
        The columns of `validate` with `label` (study, what it measured) and `panel`: rows of one unit and a like size, tests
        before what parameters rest on.
    """
    data = table.assign(label=table["study"].map(short) + "\n" + table["statistic"].map(clipped))
    ends = data[["published", "low", "high", "model"]].abs().max(axis=1).fillna(0.0)
    frames = []
    for used in (False, True):
        for unit, titles in PANELS.items():
            rows = data[(data["used"] == used) & (data["unit"] == unit)]
            large = ends[rows.index] * APART >= ends[rows.index].max()
            for part, title in ((rows[~large], titles[0]), (rows[large], titles[int(not large.all())])):
                frames.append(part.assign(panel=f"no test: {title}" if used else title))
    joined: pd.DataFrame = pd.concat(frames, ignore_index=True)
    return joined


def short(study: str) -> str:
    """Authors as one cites them: "Cowan, Drexler and Yañez 2015" is "Cowan and others 2015"."""
    authors, _, year = study.rpartition(" ")
    first, comma, _ = authors.partition(",")
    return f"{first} and others {year}" if comma else study


def clipped(text: str, width: int = 58) -> str:
    """A text cut at a word, with an ellipsis where something is left out."""
    if len(text) <= width:
        return text
    return text[:width].rsplit(" ", 1)[0].rstrip(",:") + " …"


def forest_plot(data: pd.DataFrame) -> Figure:
    """Study and model side by side: bars are the ranges of the studies, dots the model's answers with 5 to 95 % of draws.

    An interval that runs out of its panel ends in an arrow; the verdict stands at the right.
    """
    panels = list(dict.fromkeys(data["panel"]))
    counts = [int((data["panel"] == panel).sum()) for panel in panels]
    fig = style.new_figure(height=0.37 * len(data) + 0.6 * len(panels) + 0.4)
    axes = fig.subplots(len(panels), 1, squeeze=False, height_ratios=[n + 0.4 for n in counts])[:, 0]
    for ax, panel in zip(axes, panels, strict=True):
        _draw(ax, data[data["panel"] == panel].reset_index(drop=True))
        ax.set_title(panel, fontsize=9.5)
    blue = style.PALETTE["policy"]
    drawn = bool(data["model_low"].notna().any())
    handles = [
        Patch(color=style.PALETTE["good_band"], label="range of the study"),
        Line2D([], [], color=style.PALETTE["good"], marker="D", linestyle="", markerfacecolor="white",
               markersize=5, label="its estimate"),
        Line2D([], [], color=blue, marker="o", markersize=5, linewidth=1.4 if drawn else 0,
               label="model, 5 to 95 % of draws" if drawn else "model"),
    ]  # fmt: skip
    fig.legend(handles=handles, loc="outside upper right", ncols=3)
    return fig


def _draw(ax: Axes, rows: pd.DataFrame) -> None:
    """One panel: its rows from the top, the axis as wide as estimates, ranges and central answers."""
    unit = str(rows["unit"].iloc[0])
    ends = rows[["published", "low", "high", "model"]].to_numpy(dtype=float)
    low, high = min(0.0, float(np.nanmin(ends))), max(0.0, float(np.nanmax(ends)))
    room = 0.06 * (high - low or 1.0)
    low, high = low - room, high + room
    ax.set_xlim(low, high)
    ax.axvline(0, color=style.PALETTE["neutral"], linewidth=0.8)
    for k, row in enumerate(rows.to_dict("records")):
        start = row["low"] if np.isfinite(row["low"]) else low
        end = row["high"] if np.isfinite(row["high"]) else high
        # a range without width is still seen
        ax.barh(k, max(end - start, 0.004 * (high - low)), left=start, height=0.62,
                color=style.PALETTE["good_band"])  # fmt: skip
        if np.isfinite(row["published"]):
            ax.plot(row["published"], k, marker="D", color=style.PALETTE["good"],
                    markerfacecolor="none", markersize=5, zorder=4)  # fmt: skip
        if np.isfinite(row["model_low"]) and np.isfinite(row["model_high"]):
            _interval(ax, k, float(row["model_low"]), float(row["model_high"]), low, high)
        if np.isfinite(row["model"]):
            ax.plot(row["model"], k, marker="o", color=style.PALETTE["policy"], markersize=5.5)
        color = style.PALETTE[VERDICTS.get(row["verdict"], "bad")]
        ax.annotate(f"{number_text(row['model'], unit, 2)}\n{row['verdict']}", (1, k),
                    xycoords=ax.get_yaxis_transform(), xytext=(6, 0), textcoords="offset points",
                    va="center", fontsize=8, color=color, annotation_clip=False)  # fmt: skip
    ax.set_yticks(range(len(rows)), rows["label"].tolist(), fontsize=8)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: number_text(round(value, 12), unit, 3).removeprefix("+"))
    )


def _interval(ax: Axes, y: float, start: float, end: float, low: float, high: float) -> None:
    """A line from start to end as far as the panel goes, with an arrow where it goes on."""
    color = style.PALETTE["policy"]
    left, right = np.clip([start, end], low, high).tolist()
    ax.plot([left, right], [y, y], color=color, linewidth=1.4, solid_capstyle="butt")
    for beyond, edge, marker in ((start < low, low, "<"), (end > high, high, ">")):
        if beyond:
            ax.plot(edge, y, marker=marker, color=color, markersize=5, clip_on=False)
