"""Figures of the evaluation: effects by design and by period, bounds, power, and what each design looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sme_analysis.evaluation import Effect
from sme_analysis.report import figures, style

BLUE, GREY, WARN = style.PALETTE["policy"], style.PALETTE["counterfactual"], style.PALETTE["accent"]


def _intervals(ax: Axes, data: pd.DataFrame, names: Sequence[str], colors: Sequence[str]) -> None:
    """Draw estimate, low and high one below the other; a bound that is infinite runs to the edge."""
    ends = data[["low", "high", "estimate"]].to_numpy(dtype=float)
    finite = ends[np.isfinite(ends)]
    room = 0.15 * (finite.max() - min(finite.min(), 0.0) + 1e-9)
    low, high = min(finite.min(), 0.0) - room, max(finite.max(), 0.0) + room
    for place, ((start, end, middle), color) in enumerate(zip(ends, colors, strict=True)):
        ax.plot([max(start, low), min(end, high)], [place, place], color=color, linewidth=2.2)
        ax.plot([middle], [place], "o", color=color, markersize=6)
    ax.axvline(0, color=style.PALETTE["neutral"], linewidth=1)
    ax.set_xlim(low, high)
    ax.set_yticks(np.arange(len(data)), names)
    ax.set_ylim(len(data) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)


def designs_plot(data: pd.DataFrame, unit: str, truth: float | None = None) -> Figure:
    """Estimates side by side; columns design, estimate, low, high, failed (number of checks failed)."""
    fig = style.new_figure(height=0.9 + 0.42 * len(data))
    ax = fig.subplots()
    _intervals(ax, data, data["design"].tolist(), [WARN if n else BLUE for n in data["failed"]])
    if truth is not None:
        ax.axvline(truth, color=GREY, linestyle=":", linewidth=1.2)
    ax.set_xlabel(
        f"effect, {unit}{' (dotted: the truth)' if truth is not None else ''}; orange: a check failed"
    )
    return fig


def event_study_plot(table: pd.DataFrame, unit: str) -> Figure:
    """Effects by period since the start with their intervals, periods before it shaded; columns term, estimate, low, high."""
    fig = style.new_figure(height=3.4)
    ax = fig.subplots()
    x, y = table["term"].to_numpy(dtype=float), table["estimate"].to_numpy(dtype=float)
    colors = [GREY if period < 0 else BLUE for period in x]
    ax.vlines(x, table["low"], table["high"], colors=colors, linewidth=2)
    ax.scatter(x, y, c=colors, s=28, zorder=3)
    ax.axhline(0, color=style.PALETTE["neutral"], linewidth=1)
    if (x < 0).any():
        figures.region(ax, x.min() - 0.5, -0.5, "before the start", style.PALETTE["grid"])
    ax.set_xlim(x.min() - 0.5, x.max() + 0.5)
    ax.set_xticks(np.arange(x.min(), x.max() + 1))
    ax.set_xlabel("periods since the start")
    ax.set_ylabel(f"effect, {unit}")
    return fig


def sensitivity_plot(table: pd.DataFrame, unit: str) -> Figure:
    """Intervals that hold for growing departures from parallel trends; columns size, low, high, excludes_zero."""
    fig = style.new_figure(height=3.2)
    ax = fig.subplots()
    colors = [BLUE if held else WARN for held in table["excludes_zero"]]
    ax.vlines(table["size"], table["low"], table["high"], colors=colors, linewidth=5)
    ax.axhline(0, color=style.PALETTE["neutral"], linewidth=1)
    ax.set_xlabel(
        "departure after the start, as a multiple of the largest before it (orange: zero is possible)"
    )
    ax.set_ylabel(f"effect, {unit}")
    return fig


def roll_out_plot(data: pd.DataFrame, level: float) -> Figure:
    """Bias and coverage of every design, one panel a roll-out; columns roll_out, design, bias, coverage, honest."""
    parts = list(data.groupby("roll_out", sort=False))
    fig = style.new_figure(height=0.9 + 0.42 * len(data))
    axes = np.atleast_2d(
        fig.subplots(len(parts), 2, sharex="col", height_ratios=[len(part) for _, part in parts])
    )
    for (bias, covered), (name, part) in zip(axes, parts, strict=True):
        place = np.arange(len(part))
        colors = [BLUE if good else WARN for good in part["honest"]]
        bias.barh(place, part["bias"], color=colors, height=0.6)
        bias.axvline(0, color=style.PALETTE["neutral"], linewidth=1)
        covered.barh(place, part["coverage"], color=colors, height=0.6)
        covered.axvline(level, color=GREY, linestyle=":", linewidth=1.2)
        bias.set_yticks(place, part["design"].tolist())
        covered.set_yticks(place, [""] * len(part))
        bias.set_title(str(name), fontsize=10)
        for ax in (bias, covered):
            ax.invert_yaxis()
            ax.grid(visible=False, axis="y")
            ax.tick_params(axis="y", length=0)
        style.axis_percent(covered.xaxis)
        covered.set_xlim(0, 1)
    axes[-1, 0].set_xlabel("bias, log points")
    axes[-1, 1].set_xlabel(f"intervals that hold the truth (dotted: {level:.0%})")
    return fig


def power_plot(curve: pd.DataFrame, planned: float) -> Figure:
    """Power against the size of the effect, one line a design; columns design, effect, power."""
    fig = style.new_figure(height=3.6)
    ax = fig.subplots()
    figures.lines(ax, curve, "effect", "power", "design")
    figures.level(ax, 0.8, "80 %")
    ax.axvline(planned, color=style.PALETTE["quiet"], linestyle=":", linewidth=0.9)
    ax.set_ylim(0, 1.03)
    style.axis_percent(ax.yaxis)
    ax.set_xlabel("true effect, log points (dotted: as planned)")
    ax.set_ylabel("power")
    return fig


def effect_plot(effect: Effect, unit: str) -> tuple[Figure, pd.DataFrame]:
    """What a design looks at: effects by period, paths, means around a cut-off, a density, scores, p-values or coefficients."""
    for key, draw in _DRAWINGS.items():
        if key in effect.data:
            data = effect.data[key]
            return draw(data, unit), data
    named = effect.table.rename(columns={"term": "design"}).assign(failed=0)
    return designs_plot(named, unit), effect.table


def paths_plot(data: pd.DataFrame, unit: str) -> Figure:
    """The treated and their synthetic twin over time; columns time, treated, synthetic."""
    fig = style.new_figure(height=3.4)
    ax = fig.subplots()
    long = data.melt("time", ["treated", "synthetic"], var_name="who", value_name="outcome")
    figures.lines(ax, long, "time", "outcome", "who", colors={"treated": BLUE, "synthetic": GREY})
    style.axis_years(ax.xaxis)
    ax.set_ylabel(unit)
    return fig


def binned_plot(data: pd.DataFrame, unit: str) -> Figure:
    """Means of the outcome by bins of the running variable; columns side, running, outcome."""
    fig = style.new_figure(height=3.4)
    ax = fig.subplots()
    for side, color in (("below", GREY), ("above", BLUE)):
        part = data[data["side"] == side]
        ax.scatter(part["running"], part["outcome"], color=color, s=22)
    ax.set_xlabel("running variable (means of bins of equal numbers; the colour changes at the cut-off)")
    ax.set_ylabel(unit)
    return fig


def histogram_plot(data: pd.DataFrame, unit: str) -> Figure:
    """Counts by bin and the smooth density; columns running, count, smooth."""
    fig = style.new_figure(height=3.4)
    ax = fig.subplots()
    width = float(np.diff(data["running"]).min())
    ax.bar(data["running"], data["count"], width=width, color=style.PALETTE["band"])
    ax.plot(data["running"], data["smooth"], color=BLUE)
    ax.set_xlabel(unit)
    ax.set_ylabel("rows in a bin (line: had nobody bunched)")
    return fig


def scores_plot(data: pd.DataFrame, unit: str) -> Figure:
    """Propensity scores of treated and untreated; columns score, treated. `unit` is not drawn: scores are shares."""
    fig = style.new_figure(height=3.0)
    ax = fig.subplots()
    bins = np.linspace(0, 1, 41)
    for treated, color, name in ((False, GREY, "untreated"), (True, BLUE, "treated")):
        part = data.loc[data["treated"] == treated, "score"]
        ax.hist(part, bins=bins.tolist(), density=True, histtype="step", color=color, linewidth=2, label=name)
    ax.legend(loc="upper center")
    ax.set_xlabel("propensity score")
    ax.set_ylabel("density")
    return fig


def p_values_plot(data: pd.DataFrame, unit: str) -> Figure:
    """Anderson–Rubin p-values against the effect; columns effect, p_value."""
    fig = style.new_figure(height=3.0)
    ax = fig.subplots()
    ax.plot(data["effect"], data["p_value"], color=BLUE)
    figures.level(ax, 0.1, "10 %")
    ax.set_ylim(0, 1)
    ax.set_xlabel(f"effect, {unit}")
    ax.set_ylabel("p-value")
    return fig


_DRAWINGS: dict[str, Callable[[pd.DataFrame, str], Figure]] = {
    "event study": event_study_plot,
    "paths": paths_plot,
    "binned": binned_plot,
    "histogram": histogram_plot,
    "scores": scores_plot,
    "p values": p_values_plot,
}
