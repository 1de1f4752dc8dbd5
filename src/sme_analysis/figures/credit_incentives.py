"""Figures of the notebook on credit incentives: response to the reward, fixed against rolling base, windfall."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from sme_analysis.impact import Assessment, assess, effects, response, value_for_money
from sme_analysis.instruments.credit_incentive import expected_increment
from sme_analysis.report import figures, style
from sme_analysis.scenario import Parameters

KEY = "credit_incentive"


def yearly(a: Assessment) -> pd.DataFrame:
    """By year: lending, base, increment that earns a reward, what the counterfactual's lending would have earned it.

    Returns
    -------
    DataFrame: year, eligible_lending, base, rewarded_increment, increment_anyway, anyway_share, marginal_share, reward_paid,
    additional_lending (CNY million and fractions)
    """
    p, rows = a.simulation.parameters, []
    e = effects(a.simulation)
    for t, year in enumerate(a.simulation.years):
        outcome = year.outcomes[KEY]
        facts = outcome.facts
        without = facts["eligible lending"] - float(e["bank_lending_change"].iloc[t])
        anyway = expected_increment(without, facts["base"], p[f"{KEY}.lender_dispersion"])[0]
        increment = facts["rewarded increment"]
        rows.append(
            {
                "year": year.label,
                "eligible_lending": facts["eligible lending"],
                "base": facts["base"],
                "rewarded_increment": increment,
                "increment_anyway": anyway,
                "anyway_share": anyway / increment if increment > 0 else float("nan"),
                "marginal_share": facts["marginal share"],
                "reward_paid": outcome.lines["rewards to lenders"],
                "additional_lending": float(e["lending_change"].iloc[t]),
            }
        )
    return pd.DataFrame(rows)


def _measure(a: Assessment) -> dict[str, float]:
    first, money = effects(a.simulation).iloc[0], value_for_money(a.simulation)
    return {
        "additional_lending": float(first["lending_change"]),
        "cost": float(money["cost"]),
        "rate_change": float(first["rate_change"]),
    }


def reward_data(
    parameters: Parameters, rates: Sequence[float] = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03)
) -> pd.DataFrame:
    """First-year additional lending, cost and change of rate by the reward, the incentive alone."""
    frame = response(parameters.replace({"horizon.years": 1}), f"{KEY}.reward", list(rates), _measure)
    return frame.rename(columns={f"{KEY}.reward": "reward"})


def reward_plot(data: pd.DataFrame, chosen: float) -> Figure:
    """Additional lending and cost against the reward."""
    fig = style.new_figure(height=3.0)
    left, right = fig.subplots(1, 2)
    for ax, column, name in (
        (left, "additional_lending", "additional lending, CNY m"),
        (right, "cost", "rewards paid, CNY m"),
    ):
        ax.plot(data["reward"], data[column], color=style.PALETTE["policy"], marker="o", markersize=3)
        ax.axvline(chosen, color=style.PALETTE["quiet"], linewidth=0.8, linestyle=":")
        ax.set_ylabel(name)
        ax.set_ylim(bottom=0)
        style.axis_percent(ax.xaxis)
    fig.supxlabel("reward per yuan of incremental lending (dotted: this scenario)", fontsize="medium")
    return fig


def base_data(parameters: Parameters) -> pd.DataFrame:
    """Fixed against rolling base by year: the columns of `yearly` and `base_kind`."""
    frames = [
        yearly(assess(parameters.replace({f"{KEY}.base": kind}))).assign(base_kind=f"{kind} base")
        for kind in ("fixed", "rolling")
    ]
    return pd.concat(frames, ignore_index=True)


def base_plot(data: pd.DataFrame) -> Figure:
    """Additional lending and the share of the reward that counts at the margin, by year and kind of base."""
    fig = style.new_figure(height=3.2)
    left, right = fig.subplots(1, 2)
    colors = {"fixed base": style.PALETTE["policy"], "rolling base": style.PALETTE["accent"]}
    frame = data.assign(year=data["year"].astype(int))
    for ax, column, name in (
        (left, "additional_lending", "additional lending, CNY m"),
        (right, "marginal_share", "share of reward that counts"),
    ):
        figures.lines(ax, frame, "year", column, "base_kind", colors=colors)
        ax.set_ylabel(name)
        ax.set_ylim(bottom=0)
        ax.set_xticks(sorted(frame["year"].unique()))
    style.axis_percent(right.yaxis)
    return fig
