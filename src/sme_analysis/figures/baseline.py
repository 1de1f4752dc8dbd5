"""Figures of the notebook on the market without policy."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sme_analysis.impact import Assessment, effects
from sme_analysis.impact.unmet_need import PARTS
from sme_analysis.market.offer import expected_profit, largest_loss, most_profitable_rate
from sme_analysis.regulation import INDUSTRY_NAMES
from sme_analysis.report import style
from sme_analysis.report.figures import bars

WORDS = {
    "funded": "lent",
    "draws_less": "draws less at the price",
    "offered_less": "offered less",
    "refused": "refused",
    "not_asked": "does not ask",
}
COLLATERAL = (0.25, 0.5, 0.75)
_NEED_EDGES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5, np.inf)
_NEED_NAMES = (
    "under 20,000",
    "20,000–50,000",
    "50,000–100,000",
    "100,000–200,000",
    "200,000–500,000",
    "more",
)


def need_plot(data: pd.DataFrame) -> Figure:
    """What becomes of each size class' need, in shares of it: stacked bars, with the need beside the name."""
    fig = style.new_figure(height=2.9)
    ax = fig.subplots()
    needs = data["need"].to_numpy(dtype=float)
    names = [
        f"{size}\nCNY {need / 1000:.1f} bn" for size, need in zip(data["size_class"], needs, strict=True)
    ]
    base = np.zeros(len(data))
    palette = style.PALETTE
    colors = [palette["policy"], palette["band"], style.SEQUENCE[4], palette["bad"], palette["neutral"]]
    for part, color in zip(PARTS, colors, strict=True):
        width = data[part].to_numpy(dtype=float) / needs
        ax.barh(names, width, left=base, color=color, label=WORDS[part], height=0.6)
        for place, (left, share) in enumerate(zip(base, width, strict=True)):
            if share >= 0.045:
                ink = palette["ink"] if part in ("draws_less", "not_asked") else "white"
                ax.text(
                    left + share / 2, place, f"{share:.0%}", ha="center", va="center", color=ink, fontsize=8
                )
        base = base + width
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    style.axis_percent(ax.xaxis)
    fig.legend(ncols=5, loc="outside upper center", columnspacing=1.0, handlelength=1.2)
    ax.set_xlabel("share of the need of firms that want credit")
    ax.grid(visible=False, axis="y")
    return fig


def refusal_data(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Refusals by the credit sought: loan sought (CNY), number of firms that ask, share of them refused."""
    band = pd.cut(outcomes["need"], list(_NEED_EDGES), labels=list(_NEED_NAMES), right=False)
    frame = outcomes.assign(sought=band, refused=outcomes["asking"] * (1 - outcomes["served"]))
    table = frame.groupby("sought", observed=True)[["asking", "refused"]].sum().reset_index()
    return table.assign(sought=table["sought"].astype(str), refused=table["refused"] / table["asking"])


def refusal_plot(data: pd.DataFrame) -> Figure:
    """Share of asking firms that no lender serves, by the credit they seek."""
    fig = style.new_figure(height=2.6)
    ax = fig.subplots()
    bars(ax, data["sought"].tolist(), data["refused"].tolist(), "share", style.PALETTE["bad"])
    ax.set_ylabel("credit sought, CNY")
    ax.set_xlabel("firms that ask and are refused")
    return fig


def rates_data(outcomes: pd.DataFrame, step: float = 0.0025) -> pd.DataFrame:
    """Distribution of bank lending over the rate charged: rate (lower edge of 25 bp), share of the class' lending."""
    lent = outcomes[outcomes["lending"] > 0]
    low, high = np.floor(lent["rate"].min() / step), np.floor(lent["rate"].max() / step) + 1
    edges = np.arange(low, high + 1) * step
    frames = []
    for size, group in lent.groupby("size_class", observed=True):
        share, _ = np.histogram(group["rate"], bins=edges, weights=group["lending"])
        frames.append(
            pd.DataFrame(
                {"size_class": str(size), "rate": edges[:-1], "share": share / group["lending"].sum()}
            )
        )
    table = pd.concat(frames, ignore_index=True)
    order = table["size_class"].map({"micro": 0, "small": 1, "medium": 2})
    return table.iloc[np.argsort(order.to_numpy(), kind="stable")].reset_index(drop=True)


def rates_plot(data: pd.DataFrame) -> Figure:
    """Bank lending by rate charged, a line for each size class."""
    fig = style.new_figure(height=3.0)
    ax = fig.subplots()
    for k, (size, group) in enumerate(data.groupby("size_class", sort=False)):
        rate, share = (group[name].to_numpy(dtype=float) for name in ("rate", "share"))
        ax.step(rate + 0.00125, share, where="mid", color=style.SEQUENCE[k], label=str(size))
    ax.legend()
    style.axis_percent(ax.xaxis)
    style.axis_percent(ax.yaxis)
    ax.set_xlabel("rate charged by banks")
    ax.set_ylabel("share of the class' bank lending")
    ax.set_ylim(bottom=0)
    return fig


def bank_cost(a: Assessment) -> float:
    """All-in cost of an average bank per yuan and year: funds, operation, margin and capital, without F/L."""
    p = a.simulation.parameters
    capital = p["market.risk_weight"] * p["market.capital_ratio"]
    charge = capital * max(0.0, p["market.return_on_equity"] - p["market.funding_cost"])
    return float(p["market.funding_cost"] + p["bank.operating_cost"] + p["bank.margin"] + charge)


def offer_data(a: Assessment) -> pd.DataFrame:
    """A bank's expected profit per yuan lent against the rate, for firms of perceived PD 3, 6 and 12 % at 4 %."""
    p = a.simulation.parameters
    b = float(a.market.plain["bank"][1][0])
    loss = max(p["market.lgd_unsecured"] - p["market.lgd_collateral"] * 0.5, p["market.lgd_floor"])
    rates = np.linspace(0.0, 0.5, 101)
    frames = []
    for pd_ in (0.03, 0.06, 0.12):
        intercept = np.log(pd_ / (1 - pd_)) - b * 0.04
        best = float(most_profitable_rate(intercept, b, loss))
        profit = expected_profit(rates, intercept, b, loss, bank_cost(a))
        frames.append(pd.DataFrame({"pd": pd_, "rate": rates, "profit": profit, "best_rate": best}))
    return pd.concat(frames, ignore_index=True)


def offer_plot(data: pd.DataFrame, ceiling: float) -> Figure:
    """Profit against the rate: it rises, peaks and falls, since dearer loans fail more often."""
    fig = style.new_figure(height=3.2)
    ax = fig.subplots()
    for k, (pd_, group) in enumerate(data.groupby("pd")):
        ax.plot(group["rate"], group["profit"], color=style.SEQUENCE[k])
        peak = group.iloc[int(group["profit"].to_numpy().argmax())]
        ax.plot(peak["rate"], peak["profit"], "o", color=style.SEQUENCE[k], markersize=4)
        end = float(group["profit"].iloc[-1])
        style.label_line(
            ax, float(group["rate"].iloc[-1]), end, f"PD {pd_:.0%} at 4 %", color=style.SEQUENCE[k]
        )
    ax.axhline(0, color=style.PALETTE["ink"], linewidth=0.8)
    ax.axvspan(0, ceiling, color=style.PALETTE["good_band"], linewidth=0, zorder=0)
    ax.set_xlim(left=0)
    style.axis_percent(ax.xaxis)
    style.axis_percent(ax.yaxis)
    ax.set_xlabel("lending rate (shaded: up to the banks' ceiling; dots: the best rate)")
    ax.set_ylabel("expected profit per yuan lent")
    return fig


def limit_data(a: Assessment) -> pd.DataFrame:
    """Largest loan that an average bank offers, as a share of the need, by perceived PD and collateral.

    Without the fixed cost per loan: L = lgd_collateral K / (lgd_unsecured - l_max), all of the need where the bearable
    loss l_max reaches lgd_unsecured, nothing where it is below lgd_floor. Columns pd (at 4 %), collateral, limit.
    """
    p = a.simulation.parameters
    b = float(a.market.plain["bank"][1][0])
    unsecured, recovery, floor = (p[f"market.lgd_{n}"] for n in ("unsecured", "collateral", "floor"))
    grid = np.linspace(0.002, 0.2, 100)
    intercept = np.log(grid / (1 - grid)) - b * 0.04
    bearable = largest_loss(intercept, b, bank_cost(a), p["bank.rate_ceiling"])
    frames = []
    for ratio in COLLATERAL:
        room = np.maximum(unsecured - bearable, 1e-9)
        limit = np.where(bearable < floor, 0.0, np.minimum(1.0, recovery * ratio / room))
        frames.append(pd.DataFrame({"collateral": ratio, "pd": grid, "limit": limit}))
    return pd.concat(frames, ignore_index=True)


def limit_plot(data: pd.DataFrame) -> Figure:
    """The offered line against the perceived PD, a curve for each collateral ratio."""
    fig = style.new_figure(height=3.0)
    ax = fig.subplots()
    for k, (ratio, group) in enumerate(data.groupby("collateral")):
        ax.plot(
            group["pd"], group["limit"], color=style.SEQUENCE[k], label=f"collateral {ratio:.0%} of the need"
        )
    ax.legend()
    style.axis_percent(ax.xaxis)
    style.axis_percent(ax.yaxis)
    ax.set_ylim(-0.02, 1.05)
    ax.set_xlabel("perceived PD at a rate of 4 %")
    ax.set_ylabel("largest loan, share of the need")
    return fig


def industry_data(a: Assessment) -> pd.DataFrame:
    """Entities, borrowers, lending and unmet share by industry without policy in the first year, most lending first."""
    e = effects(a.simulation, ["industry"])
    e = e[e["year"] == a.simulation.labels[0]].sort_values("lending_without", ascending=False, kind="stable")
    columns = ["firms_without", "borrowers_without", "lending_without", "unmet_share_without"]
    names = e["industry"].astype(str).map(dict(INDUSTRY_NAMES))
    return e.assign(industry=names)[["industry", *columns]].reset_index(drop=True)
