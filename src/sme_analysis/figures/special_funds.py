"""Figures of the notebook on special funds: response to the subsidy and the budget, subsidies against grants."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from sme_analysis.impact import Assessment, effects, programme_table, response, value_for_money
from sme_analysis.report import style
from sme_analysis.scenario import Parameters


def measure(a: Assessment) -> dict[str, float]:
    """First-year figures of the fund: additional lending, cost (CNY million), deadweight share, additional per yuan."""
    first, money = effects(a.simulation).iloc[0], value_for_money(a.simulation)
    table = programme_table(a.simulation)
    fund = table[table["programme"] == "special_fund"].iloc[0]
    return {
        "additional_lending": float(first["lending_change"]),
        "cost": float(money["cost"]),
        "deadweight_share": float(fund["deadweight_share"]),
        "per_yuan": float(money["leverage"]),
    }


def sweep(parameters: Parameters, key: str, values: Sequence[float]) -> pd.DataFrame:
    """First-year figures for each value of a parameter of the special fund, the fund alone."""
    frame = response(parameters.replace({"horizon.years": 1}), key, list(values), measure)
    return frame.rename(columns={key: key.split(".")[1]})


def sweep_plot(data: pd.DataFrame, x: str, label: str, *, percent: bool, chosen: float) -> Figure:
    """Additional lending and cost against one parameter, side by side."""
    fig = style.new_figure(height=3.0)
    left, right = fig.subplots(1, 2)
    for ax, column, name in (
        (left, "additional_lending", "additional lending, CNY m"),
        (right, "cost", "public cost, CNY m"),
    ):
        ax.plot(data[x], data[column], color=style.PALETTE["policy"], marker="o", markersize=3)
        ax.axvline(chosen, color=style.PALETTE["quiet"], linewidth=0.8, linestyle=":")
        ax.set_ylabel(name)
        ax.set_ylim(bottom=min(0.0, float(data[column].min())))
        if percent:
            style.axis_percent(ax.xaxis)
    fig.supxlabel(f"{label} (dotted: this scenario)", fontsize="medium")
    return fig


def by_group(a: Assessment, by: str, order: Sequence[str]) -> pd.DataFrame:
    """First-year additional lending, deadweight share and rate net of subsidy by a dimension of firms."""
    table = effects(a.simulation, [by])
    first = table[table["year"] == a.simulation.labels[0]].set_index(by).reindex(list(order)).reset_index()
    lending = first["programme_lending"]
    return pd.DataFrame(
        {
            by: first[by],
            "under_fund": lending,
            "deadweight_share": (first["deadweight"] / lending).where(lending > 0),
            "additional_lending": first["lending_change"],
            "effective_rate_change": first["effective_rate_change"],
        }
    )
