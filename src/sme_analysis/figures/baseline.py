"""Figures and the comparison with published figures of the notebook on the market without policy."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sme_analysis.impact import Assessment, effects
from sme_analysis.impact.unmet_need import PARTS, unmet_need
from sme_analysis.market.offer import expected_profit, most_profitable_rate
from sme_analysis.report import style
from sme_analysis.scenario.figures import figure

WORDS = {
    "funded": "lent",
    "less_than_sought": "less than sought",
    "refused": "refused",
    "not_asked": "does not ask",
}


def fit_data(a: Assessment) -> pd.DataFrame:
    """Model against published figures: measure, model, published, low, high, unit, targeted, source, year, place, confirmed."""
    e = effects(a.simulation, ["size_class"])
    e = e[(e["year"] == a.simulation.labels[0]) & (e["size_class"] != "medium")]
    total = e[["lending_without", "borrowers_without", "interest_without", "defaults_without"]].sum()
    need = unmet_need(a.simulation)
    inclusive = need[need["size_class"] != "medium"].sum(numeric_only=True)
    asking = float(e["firms_asking_without"].sum())
    rows = [
        ("Loans to micro and small firms", total["lending_without"], "haixi.incl_msme_loans", "money", True),
        ("Borrowers", total["borrowers_without"], "haixi.incl_msme_accounts", "count", True),
        ("Mean lending rate", total["interest_without"] / total["lending_without"], "qh.incl_msme_rate.2025", "share", True),
        ("Default rate, against share of bad loans", total["defaults_without"] / total["lending_without"],
         "cn.npl.incl_msme.2022-04", "share", True),
        ("Of firms that want credit: obtain it", inclusive["borrowers"] / inclusive["firms_wanting"],
         "cn.chfs2013.loan_obtained", "share", False),
        ("Of firms that want credit: do not ask", 1 - asking / inclusive["firms_wanting"],
         "cn.chfs2013.loan_not_applied", "share", False),
    ]  # fmt: skip
    out = []
    for name, value, key, unit, targeted in rows:
        f = figure(key)
        out.append(
            {
                "measure": name,
                "model": float(value),
                "published": f.value,
                "unit": unit,
                "targeted": "yes" if targeted else "no",
                "place": f.geography,
                "year": f.year,
                "source": f.source,
                "confirmed": bool(f.confirmed),
            }
        )
    return pd.DataFrame(out)


def need_plot(data: pd.DataFrame) -> Figure:
    """What becomes of each size class' need: stacked bars."""
    fig = style.new_figure(height=2.8)
    ax = fig.subplots()
    base = np.zeros(len(data))
    colors = [style.PALETTE["policy"], style.SEQUENCE[2], style.PALETTE["bad"], style.PALETTE["neutral"]]
    for part, color in zip(PARTS, colors, strict=True):
        width = data[part].to_numpy(dtype=float)
        ax.barh(data["size_class"].astype(str), width, left=base, color=color, label=WORDS[part], height=0.6)
        base = base + width
    ax.invert_yaxis()
    ax.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.18), frameon=False)
    ax.set_xlabel("need of firms that want credit, CNY million")
    ax.grid(visible=False, axis="y")
    return fig


def rates_data(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Distribution of bank lending over the rate paid: rate (lower edge of 25 bp), share of the size class' lending."""
    edges = np.arange(0.02, 0.0676, 0.0025)
    frames = []
    for size, group in outcomes[outcomes["lending"] > 0].groupby("size_class", observed=True):
        share, _ = np.histogram(group["rate"], bins=edges, weights=group["lending"])
        frames.append(
            pd.DataFrame(
                {"size_class": str(size), "rate": edges[:-1], "share": share / group["lending"].sum()}
            )
        )
    return pd.concat(frames, ignore_index=True)


def rates_plot(data: pd.DataFrame) -> Figure:
    """Lending by rate paid, a line for each size class."""
    fig = style.new_figure(height=3.0)
    ax = fig.subplots()
    for k, (size, group) in enumerate(data.groupby("size_class", sort=False)):
        rate, share = (group[name].to_numpy(dtype=float) for name in ("rate", "share"))
        ax.step(rate + 0.00125, share, where="mid", color=style.SEQUENCE[k], label=str(size))
    ax.legend(frameon=False)
    style.axis_percent(ax.xaxis)
    style.axis_percent(ax.yaxis)
    ax.set_xlabel("rate paid")
    ax.set_ylabel("share of the class' bank lending")
    ax.set_ylim(bottom=0)
    return fig


def offer_data(a: Assessment) -> pd.DataFrame:
    """A bank's expected profit per yuan lent against the rate, for firms of perceived PD 1, 2.5 and 6 % at 4 %."""
    p = a.simulation.parameters
    b = float(a.market.plain["bank"][1][0])
    cost = p["market.funding_cost"] + p["bank.operating_cost"] + p["bank.margin"]
    loss = max(p["market.lgd_unsecured"] - p["market.lgd_collateral"] * 0.5, p["market.lgd_floor"])
    rates = np.linspace(0.0, 0.4, 201)
    frames = []
    for pd_ in (0.01, 0.025, 0.06):
        intercept = np.log(pd_ / (1 - pd_)) - b * 0.04
        best = float(most_profitable_rate(intercept, b, loss))
        profit = expected_profit(rates, intercept, b, loss, cost)
        frames.append(pd.DataFrame({"pd": pd_, "rate": rates, "profit": profit, "best_rate": best}))
    return pd.concat(frames, ignore_index=True)


def offer_plot(data: pd.DataFrame, ceiling: float) -> Figure:
    """Profit against the rate: it rises, peaks and falls, since dearer loans fail more often."""
    fig = style.new_figure(height=3.2)
    ax = fig.subplots()
    for k, (pd_, group) in enumerate(data.groupby("pd")):
        ax.plot(group["rate"], group["profit"], color=style.SEQUENCE[k])
        end = float(group["profit"].iloc[-1])
        style.label_line(
            ax, float(group["rate"].iloc[-1]), end, f"PD {pd_:.1%} at 4 %", color=style.SEQUENCE[k]
        )
    ax.axhline(0, color=style.PALETTE["ink"], linewidth=0.8)
    ax.axvline(ceiling, color=style.PALETTE["quiet"], linewidth=0.8, linestyle=":")
    style.axis_percent(ax.xaxis)
    style.axis_percent(ax.yaxis)
    ax.set_xlabel("lending rate (dotted: the banks' ceiling)")
    ax.set_ylabel("expected profit per yuan lent")
    return fig
