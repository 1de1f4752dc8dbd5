"""Figures of the notebook on risk compensation: response to cover, fund over macro paths, thin fund, who gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sme_analysis.impact import (
    Assessment,
    Solvency,
    assess,
    effects,
    fund_account,
    programme_table,
    response,
    solvency,
)
from sme_analysis.report import figures, style
from sme_analysis.scenario import Parameters
from sme_analysis.simulation.measures import RISK_BANDS

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def _measure(a: Assessment) -> dict[str, float]:
    first = effects(a.simulation).iloc[0]
    facts = a.simulation.years[0].outcomes["risk_compensation"].facts
    programme = programme_table(a.simulation).iloc[0]
    covered = facts["covered lending"]
    return {
        "additional_lending": float(first["lending_change"]),
        "covered_lending": float(covered),
        "deadweight_share": float(programme["deadweight_share"]),
        "rate_change": float(first["rate_change"]),
        "covered_default_rate": float(facts["covered default rate"]) if covered > 0 else np.nan,
        "claims": float(facts["claims promised"]),
    }


def cover_response_data(parameters: Parameters, shares: Sequence[float] = SHARES) -> pd.DataFrame:
    """First-year outcomes for each share of the loss covered, the fund alone."""
    one = parameters.replace({"horizon.years": 1})
    frame = response(one, "risk_compensation.loss_share", list(shares), _measure)
    return frame.rename(columns={"risk_compensation.loss_share": "loss_share"})


def idle_until(data: pd.DataFrame) -> float:
    """Largest share covered in the sweep at which nothing is enrolled (0 if even the least is)."""
    idle = data.loc[data["covered_lending"] <= 0, "loss_share"]
    return float(idle.max()) if len(idle) else 0.0


def cover_response_plot(data: pd.DataFrame, chosen: float) -> Figure:
    """Four panels against the share covered; the region where enrolment does not pay is shaded."""
    fig = style.new_figure(height=5.2)
    axes = fig.subplots(2, 2, sharex=True).ravel()
    panels = (
        ("additional_lending", "additional lending, CNY m"),
        ("covered_lending", "covered lending, CNY m"),
        ("deadweight_share", "deadweight share"),
        ("covered_default_rate", "default rate, covered"),
    )
    idle = idle_until(data)
    for ax, (column, label) in zip(axes, panels, strict=True):
        ax.plot(data["loss_share"], data[column], color=style.PALETTE["policy"], marker="o", markersize=3)
        ax.set_ylabel(label)
        style.axis_percent(ax.xaxis)
        if column in ("deadweight_share", "covered_default_rate"):
            style.axis_percent(ax.yaxis)
        else:
            ax.set_ylim(bottom=0)
        if idle > 0:
            figures.region(ax, 0.0, idle, "enrolment does not pay" if ax is axes[0] else "")
        ax.axvline(chosen, color=style.PALETTE["quiet"], linewidth=0.8, linestyle=":")
    fig.supxlabel("share of the lender's loss covered (dotted: this scenario)", fontsize="medium")
    return fig


def fund_fan_plot(paths: Solvency) -> Figure:
    """Fan of the fund's balance by year; and, of all paths, how many have fallen short or have new cover closed."""
    data = paths.by_year()
    years = [int(y) for y in data["year"]]
    fig = style.new_figure(height=3.4)
    left, right = fig.subplots(1, 2)
    bands = [
        (data[f"balance_{a}"].tolist(), data[f"balance_{b}"].tolist())
        for a, b in (("p05", "p95"), ("p25", "p75"))
    ]
    figures.fan(left, years, bands)
    left.plot(years, data["balance_p50"], color=style.PALETTE["policy"])
    left.set_ylim(bottom=0)
    left.set_ylabel("balance at the end of the year, CNY m")
    shares = data.melt("year", ["suspended", "short_by_then"], var_name="what", value_name="share")
    shares["year"] = shares["year"].astype(int)
    names = {"suspended": "closed this year", "short_by_then": "short by then"}
    colors = {"suspended": style.PALETTE["accent"], "short_by_then": style.PALETTE["bad"]}
    figures.lines(right, shares, "year", "share", "what", colors=colors, names=names)
    right.set_ylim(-0.02, max(0.3, 1.2 * float(shares["share"].max())))
    right.set_ylabel("share of paths")
    style.axis_percent(right.yaxis)
    for ax in (left, right):
        ax.set_xticks(years)
    return fig


def who_gains_data(a: Assessment) -> pd.DataFrame:
    """Additional lending and borrowers of the first year by tenth of risk (safest first)."""
    table = effects(a.simulation, ["risk"])
    first = (
        table[table["year"] == a.simulation.labels[0]]
        .set_index("risk")
        .reindex(list(RISK_BANDS))
        .reset_index()
    )
    return first[["risk", "lending_change", "borrowers_change", "rate_change", "access_without"]].rename(
        columns={
            "lending_change": "additional_lending",
            "borrowers_change": "new_borrowers",
            "access_without": "access_before",
        }
    )


def who_gains_plot(data: pd.DataFrame) -> Figure:
    """Two panels of bars by tenth of risk."""
    fig = style.new_figure(height=4.0)
    left, right = fig.subplots(1, 2)
    figures.bars(left, list(data["risk"]), list(data["additional_lending"]), "number")
    left.set_xlabel("additional lending, CNY m")
    figures.bars(right, list(data["risk"]), list(data["new_borrowers"]), "number")
    right.set_xlabel("new borrowers")
    return fig


def thin_fund_data(parameters: Parameters, scale: float) -> pd.DataFrame:
    """A sound fund against one with `scale` of its money, leverage loosened so that money is what binds.

    Returns
    -------
    DataFrame: fund (sound, thin), year, credibility, additional_lending, claims_promised, claims_paid
    """
    loose = {"risk_compensation.leverage": 200.0, "risk_compensation.stop_rate": 1.0}
    frames = []
    for name, factor in (("sound fund", 1.0), ("thin fund", scale)):
        money = {
            key: parameters[key] * factor
            for key in ("risk_compensation.fund", "risk_compensation.appropriation")
        }
        a = assess(parameters.replace({**loose, **money}))
        account = fund_account(a.simulation)[["year", "credibility", "claims_promised", "claims_paid"]]
        lending = effects(a.simulation)["lending_change"].to_numpy()
        frames.append(account.assign(fund=name, additional_lending=lending))
    return pd.concat(frames, ignore_index=True)


def thin_fund_plot(data: pd.DataFrame) -> Figure:
    """Credibility and additional lending by year, sound against thin."""
    fig = style.new_figure(height=3.2)
    left, right = fig.subplots(1, 2)
    colors = {"sound fund": style.PALETTE["policy"], "thin fund": style.PALETTE["bad"]}
    frame = data.assign(year=data["year"].astype(int))
    for ax, column, label in (
        (left, "credibility", "credibility of the fund"),
        (right, "additional_lending", "additional lending, CNY m"),
    ):
        figures.lines(ax, frame, "year", column, "fund", colors=colors)
        ax.set_xticks(sorted(frame["year"].unique()))
        ax.set_ylabel(label)
        ax.set_ylim(bottom=0)
    return fig


def stop_rule_data(
    a: Assessment, rates: Sequence[float] = (0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15)
) -> pd.DataFrame:
    """Probability that the stop rule closes new cover within the horizon, by its threshold."""
    rows = []
    for rate in rates:
        other = replace(
            a.simulation,
            parameters=a.simulation.parameters.replace({"risk_compensation.stop_rate": rate}),  # type: ignore[attr-defined]
        )
        found = solvency(other)
        if found is not None:
            rows.append({"stop_rate": rate, "closed": found.stopped, "short": found.exhaustion})
    return pd.DataFrame(rows, columns=["stop_rate", "closed", "short"])


def stop_rule_plot(data: pd.DataFrame, chosen: float) -> Figure:
    """Probability of closure against the threshold."""
    fig = style.new_figure(height=2.9)
    ax = fig.subplots()
    ax.plot(data["stop_rate"], data["closed"], color=style.PALETTE["policy"], marker="o", markersize=3)
    ax.axvline(chosen, color=style.PALETTE["quiet"], linewidth=0.8, linestyle=":")
    ax.set_xlabel("default rate of covered loans that stops new cover (dotted: this scenario)")
    ax.set_ylabel("probability of a closure")
    style.axis_percent(ax.xaxis)
    style.axis_percent(ax.yaxis)
    ax.set_ylim(0, 1.02)
    return fig
