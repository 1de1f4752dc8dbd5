"""Figures of the notebook on uncertainty, sensitivity and learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sme_analysis.inference.draws import parameter_draws
from sme_analysis.inference.headlines import FUND, HEADLINES
from sme_analysis.inference.learning import Learned
from sme_analysis.inference.uncertainty import Uncertainty, uncertainty, weighted_quantiles
from sme_analysis.report import style
from sme_analysis.report.quantities import number_text
from sme_analysis.scenario import Catalogue, Parameters, Scenario

ALL = {**HEADLINES, **FUND}
PANELS = (
    "additional_lending",
    "new_borrowers",
    "deadweight",
    "cost",
    "borrowers_per_yuan",
    "net_value_per_yuan",
)
_BINS = 16


@dataclass(frozen=True)
class Ends:
    """5 and 95 % of headlines, for notebooks that show them beside their numbers; empty where none were worked out."""

    known: Mapping[str, tuple[float, float]]

    def of(self, name: str, scale: float = 1.0) -> tuple[float, float] | None:
        """The two ends, or None."""
        ends = self.known.get(name)
        return None if ends is None else (ends[0] * scale, ends[1] * scale)

    def words(self, name: str, unit: str) -> str:
        """The two ends in brackets, for a sentence; "" where there are none."""
        ends = self.known.get(name)
        return (
            ""
            if ends is None
            else f" (5 to 95 %: {number_text(ends[0], unit, 2)} to {number_text(ends[1], unit, 2)})"
        )


def ends_of(scenario: Scenario, draws: int, firms: int = 2000) -> Ends:
    """Work out the intervals of the headlines on a smaller sample; none without draws or without a policy.

    The sample's own error is small beside what is unknown.
    """
    active = [
        key
        for key, on in scenario.parameters.items()
        if key.endswith(".active") and on and key != "stress.active"
    ]
    if draws <= 0 or not active:
        return Ends({})
    parameters = scenario.parameters.replace(
        {"simulation.firms": min(firms, int(scenario.parameters["simulation.firms"]))}
    )
    table = uncertainty(parameters, parameter_draws(parameters, draws, scenario.calibration)).intervals()
    return Ends({str(r["headline"]): (float(r["low"]), float(r["high"])) for r in table.to_dict("records")})


def headline_table(found: Uncertainty) -> pd.DataFrame:
    """Intervals with labels and units, one row a headline."""
    table = found.intervals()
    return table.assign(
        measure=[ALL[name].label for name in table["headline"]],
        unit=[ALL[name].unit for name in table["headline"]],
    )


def densities_data(found: Uncertainty, names: Sequence[str] = PANELS) -> pd.DataFrame:
    """Share of the draws by value of each headline: headline, from, to, share; between the 1 and 99 % quantiles."""
    rows = []
    for name in names:
        x = found.results[name].to_numpy(dtype=float)
        kept = np.isfinite(x)
        if not kept.any():
            continue
        low, high = weighted_quantiles(x, found.draws.weights, (0.01, 0.99))
        if not high > low:
            low, high = low - 0.5, high + 0.5
        edges = np.linspace(low, high, _BINS + 1)
        share, _ = np.histogram(np.clip(x[kept], low, high), edges, weights=found.draws.weights[kept])
        rows += [(name, *cell) for cell in zip(edges[:-1], edges[1:], share / share.sum(), strict=True)]
    return pd.DataFrame(rows, columns=["headline", "from", "to", "share"])


def densities_plot(data: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """Six panels of the draws, 5 to 95 % in colour, the estimate as a line."""
    names = list(dict.fromkeys(data["headline"]))
    rows = -(-len(names) // 3)
    fig = style.new_figure(height=2.1 * rows + 0.2)
    axes = np.atleast_1d(fig.subplots(rows, 3)).ravel()
    known = {str(row["headline"]): row for row in table.to_dict("records")}
    for ax, name in zip(axes, names, strict=False):
        here = data[data["headline"] == name]
        left, right = here["from"].to_numpy(dtype=float), here["to"].to_numpy(dtype=float)
        low, high, estimate = (float(known[name][part]) for part in ("low", "high", "estimate"))
        middle = (left + right) / 2
        inside = (middle >= low) & (middle <= high)
        colors = np.where(inside, style.PALETTE["policy"], style.PALETTE["neutral"])
        ax.bar(left, here["share"], width=right - left, align="edge", color=colors.tolist(), linewidth=0)
        ax.axvline(estimate, color=style.PALETTE["accent"], linewidth=2)
        ax.set_title(style.folded(ALL[name].label, 30), fontsize=9, fontweight="normal")
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.grid(visible=False, axis="y")
        _unit_axis(ax, ALL[name].unit)
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    return fig


def _unit_axis(ax: Axes, unit: str) -> None:
    plain = {"change_money": "money", "change_count": "count", "change_share": "share"}.get(unit, unit)
    ax.xaxis.set_major_locator(MaxNLocator(3))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: number_text(round(float(v), 9), plain, 3)))
    ax.tick_params(axis="x", labelsize=8)


def sources_data(
    parameter: pd.DataFrame,
    sampling: pd.DataFrame,
    macro: pd.DataFrame,
    names: Sequence[str] = tuple(HEADLINES),
) -> pd.DataFrame:
    """Half-width of the middle 90 % of each headline by what is unknown: parameters, the sample, the state of the economy.

    Samples are few, so theirs is 1.645 standard deviations.
    """
    rows = []
    known = {str(row["headline"]): row for row in parameter.to_dict("records")}
    for name in names:
        x = sampling[name].to_numpy(dtype=float)
        ends = np.nanquantile(macro[name].to_numpy(dtype=float), (0.05, 0.95))
        at = known[name]
        rows.append(
            {
                "measure": ALL[name].label,
                "estimate": float(at["estimate"]),
                "parameters": (float(at["high"]) - float(at["low"])) / 2,
                "sampling": 1.645 * float(np.nanstd(x, ddof=1)),
                "economy": float(ends[1] - ends[0]) / 2,
                "unit": _level(ALL[name].unit),
            }
        )
    return pd.DataFrame(rows)


def _level(unit: str) -> str:
    return {
        "change_money": "money",
        "change_count": "count",
        "change_share": "share",
        "change_rate": "share",
    }.get(unit, unit)


def drivers_data(
    correlations: pd.DataFrame, catalogue: Catalogue, names: Sequence[str], most: int = 8
) -> pd.DataFrame:
    """The unknowns with the strongest rank correlations with each headline: output, key, correlation, simple, label."""
    parts = []
    for name in names:
        here = correlations[correlations["output"] == name]
        order = np.argsort(-here["simple"].abs().to_numpy(), kind="stable")[:most]
        parts.append(here.iloc[order])
    table = pd.concat(parts, ignore_index=True)
    return table.assign(label=[catalogue[str(key)].label for key in table["key"]])


def drivers_plot(data: pd.DataFrame) -> Figure:
    """Bars of rank correlations, a panel a headline; a mark where the partial one lies."""
    names = list(dict.fromkeys(data["output"]))
    most = int(data.groupby("output").size().max())
    fig = style.new_figure(height=len(names) * (0.55 + 0.27 * most))
    axes = np.atleast_1d(fig.subplots(len(names), 1, sharex=True))
    for ax, name in zip(axes, names, strict=True):
        here = data[data["output"] == name]
        place = np.arange(len(here))
        value = here["simple"].to_numpy(dtype=float)
        colors = [style.PALETTE["policy"] if v > 0 else style.PALETTE["accent"] for v in value]
        ax.barh(place, value, color=colors, height=0.66)
        ax.plot(
            here["correlation"].to_numpy(dtype=float), place, "|", color=style.PALETTE["ink"], markersize=10
        )
        ax.axvline(0, color=style.PALETTE["neutral"], linewidth=0.8)
        ax.set_yticks(place, here["label"].tolist())
        ax.tick_params(axis="y", length=0)
        ax.invert_yaxis()
        ax.grid(visible=False, axis="y")
        ax.set_title(ALL[name].label, fontsize=10)
    axes[-1].set_xlabel("rank correlation (mark: given the others)")
    axes[-1].set_xlim(-1, 1)
    return fig


def tornado_plot(data: pd.DataFrame, catalogue: Catalogue, output: str) -> Figure:
    """Swings of one headline, widest on top, with the parameter's two values beside the bar."""
    here = data[data["output"] == output]
    width = (here["high"] - here["low"]).abs().to_numpy(dtype=float)
    here = here.iloc[np.argsort(-width, kind="stable")]
    fig = style.new_figure(height=0.9 + 0.34 * len(here))
    ax = fig.subplots()
    central = float(here["central"].iloc[0])
    for place, row in enumerate(here.to_dict("records")):
        record = catalogue[str(row["key"])]
        for end, color in (("low", style.PALETTE["accent"]), ("high", style.PALETTE["policy"])):
            ax.barh(place, float(row[end]) - central, left=central, color=color, height=0.6)
            left = float(row[end]) < central
            ax.annotate(
                number_text(float(row[f"at_{end}"]), record.unit, 2),
                (float(row[end]), place),
                xytext=(-3 if left else 3, 0),
                textcoords="offset points",
                ha="right" if left else "left",
                va="center",
                fontsize=8,
                color=style.PALETTE["quiet"],
            )
    ax.axvline(central, color=style.PALETTE["ink"], linewidth=0.9)
    ax.set_yticks(range(len(here)), [catalogue[str(key)].label for key in here["key"]])
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.grid(visible=False, axis="y")
    _unit_axis(ax, ALL[output].unit)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set_xlabel(ALL[output].label)
    return fig


def learned_data(found: Learned, results: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """5, 50 and 95 % of headlines before and after the evidence: measure, unit, low_before … high_after, narrower."""
    rows = []
    for name in names:
        x = results[name].to_numpy(dtype=float)
        before, after = (
            weighted_quantiles(x, d.weights, (0.05, 0.5, 0.95)) for d in (found.before, found.after)
        )
        rows.append(
            (
                ALL[name].label,
                _level(ALL[name].unit),
                *before,
                *after,
                1 - (after[2] - after[0]) / (before[2] - before[0]),
            )
        )
    columns = [
        "measure",
        "unit",
        "low_before",
        "median_before",
        "high_before",
        "low_after",
        "median_after",
        "high_after",
        "narrower",
    ]
    return pd.DataFrame(rows, columns=columns)


def learned_plot(data: pd.DataFrame) -> Figure:
    """Intervals before and after, each headline on the scale of its own interval before."""
    fig = style.new_figure(height=0.9 + 0.5 * len(data))
    ax = fig.subplots()
    for place, row in enumerate(data.to_dict("records")):
        origin, width = float(row["low_before"]), float(row["high_before"]) - float(row["low_before"])
        for shift, side, color in (
            (-0.14, "before", style.PALETTE["neutral"]),
            (0.14, "after", style.PALETTE["policy"]),
        ):
            low, middle, high = (
                (float(row[f"{part}_{side}"]) - origin) / width for part in ("low", "median", "high")
            )
            ax.plot(
                [low, high],
                [place + shift] * 2,
                color=color,
                linewidth=4,
                solid_capstyle="butt",
                label=side if not place else None,
            )
            ax.plot(middle, place + shift, "o", color="white", markeredgecolor=color, markersize=6)
    ax.set_yticks(range(len(data)), [style.folded(str(m)) for m in data["measure"]])
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.set_xticks([0, 1], ["5 % before", "95 % before"])
    fig.legend(loc="outside upper right", ncols=2)
    return fig


def switches_table(found: Mapping[str, pd.DataFrame], parameters: Parameters) -> pd.DataFrame:
    """One row an unknown: its value in the scenario, and where two packages change places, if they do."""
    rows = []
    for key, table in found.items():
        record = parameters.catalogue[key]
        at = (
            "; ".join(number_text(float(v), record.unit, 3) for v in table["value"])
            or "nowhere between its 5 and 95 %"
        )
        rows.append((record.label, number_text(float(parameters[key]), record.unit, 3), at))
    return pd.DataFrame(rows, columns=["parameter", "value", "switch"])
