"""Figures of the best use of a budget: the frontier, what it is made of, what the searches agree on, fund risk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from sme_analysis.figures.policy_package import title
from sme_analysis.inference.mix import Trial
from sme_analysis.inference.search import Mix
from sme_analysis.report import style


def frontier_data(points: Sequence[Mix], others: dict[str, Trial] | None = None) -> pd.DataFrame:
    """What the best mix of each budget reaches, and other mixes beside them.

    Returns
    -------
    DataFrame: mix (`best` or the other's name), budget and cost (present value, CNY million; no budget for others), value,
    per_million (value per CNY million), extra (value of a million more since the next smaller point)
    """
    rows = [("best", p.budget, p.best.cost, p.value) for p in points]
    quantile = points[0].question.quantile if points else None
    rows += [(name, np.nan, t.cost, t.value(quantile)) for name, t in (others or {}).items()]
    frame = pd.DataFrame(rows, columns=["mix", "budget", "cost", "value"])
    frame["per_million"] = frame["value"] / frame["cost"].where(frame["cost"] > 0)
    best = frame[frame["mix"] == "best"]
    before = best[["cost", "value"]].shift(fill_value=0.0)
    frame["extra"] = (best["value"] - before["value"]) / (best["cost"] - before["cost"]).where(
        best["cost"] > before["cost"]
    )
    return frame


def frontier_plot(data: pd.DataFrame, label: str) -> Figure:
    """The most that each budget reaches, with other mixes as single points."""
    fig = style.new_figure(height=3.8)
    ax = fig.subplots()
    best = data[data["mix"] == "best"]
    x, y = [0.0, *best["cost"]], [0.0, *best["value"]]
    ax.plot(x, y, color=style.PALETTE["policy"], marker="o", clip_on=False, zorder=3)
    style.label_line(ax, x[-1], y[-1], "best mix", style.PALETTE["policy"])
    for k, (name, group) in enumerate(data[data["mix"] != "best"].groupby("mix", sort=False)):
        color = style.SEQUENCE[1 + k % (len(style.SEQUENCE) - 1)]
        ax.scatter(group["cost"], group["value"], color=color, marker="D", zorder=4)
        style.label_line(ax, float(group["cost"].iloc[-1]), float(group["value"].iloc[-1]), str(name), color)
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=min(0.0, float(data["value"].min())))
    style.axis_money(ax.xaxis)
    ax.set_xlabel("public cost over the horizon, present value")
    ax.set_ylabel(label)
    return fig


def composition_data(points: Sequence[Mix]) -> pd.DataFrame:
    """Where the money of each budget goes: budget, instrument, cost (present value, CNY million)."""
    rows = [
        (p.budget, title(name), cost) for p in points for name, cost in p.best.by_instrument.items() if cost
    ]
    return pd.DataFrame(rows, columns=["budget", "instrument", "cost"])


def composition_plot(data: pd.DataFrame) -> Figure:
    """Stacked columns, one a budget; names beside the last."""
    fig = style.new_figure(height=3.8)
    ax = fig.subplots()
    wide = data.pivot_table(index="budget", columns="instrument", values="cost", sort=False).fillna(0.0)
    wide = wide.sort_index()
    wide = wide[wide.sum().sort_values(ascending=False).index]
    wide = wide.loc[:, wide.sum() > 0.005 * wide.to_numpy().sum()]
    base = np.zeros(len(wide))
    places = np.arange(len(wide))
    for k, name in enumerate(wide.columns):
        color = style.SEQUENCE[k % len(style.SEQUENCE)]
        amount = wide[name].clip(lower=0).to_numpy()
        ax.bar(places, amount, bottom=base, color=color, width=0.62)
        last = int(np.flatnonzero(amount > 0)[-1]) if (amount > 0).any() else len(wide) - 1
        if last == len(wide) - 1:
            style.label_line(ax, last + 0.31, float(base[last] + amount[last] / 2), str(name), color)
        else:
            ax.text(places[last], base[last] + amount[last] / 2, str(name), color="white", ha="center",
                    va="center", fontsize=8)  # fmt: skip
        base = base + amount
    ax.set_xticks(places, [f"{b:,.0f}" for b in wide.index])
    ax.set_xlabel("budget, CNY million")
    style.axis_money(ax.yaxis)
    ax.set_ylabel("cost, present value")
    ax.grid(visible=False, axis="x")
    return fig


def searches_data(mix: Mix) -> pd.DataFrame:
    """Where each search ended: setting (its label), search (1 …), place (0 lowest allowed, 1 highest), value reached, on, best.

    `on` is False where the instrument is off in that search's best mix, so that the setting means nothing.
    """
    q, rows = mix.question, []
    records = q.worlds[0].parameters.catalogue
    for k, found in enumerate(mix.searches, 1):
        for s, place in zip(q.space, found.place, strict=True):
            on = found.settings.get(f"{s.instrument}.active") is not False
            rows.append((records[s.key].label, k, place if on else 0.0, found.value(q.quantile), on))
    frame = pd.DataFrame(rows, columns=["setting", "search", "place", "value", "on"])
    return frame.assign(best=frame["value"] == frame["value"].max() if len(frame) else [])


def searches_plot(data: pd.DataFrame) -> Figure:
    """One row a setting: where in its range each search ended; the best search filled, grey where the instrument is off."""
    names = list(dict.fromkeys(data["setting"]))
    fig = style.new_figure(height=0.3 * len(names) + 0.9)
    ax = fig.subplots()
    count = int(data["search"].max()) if len(data) else 1
    for k, search in data.groupby("search"):
        shift = 0.5 * ((float(k) - 1) / max(count - 1, 1) - 0.5)  # type: ignore[arg-type]
        y = [len(names) - 1 - names.index(name) - shift for name in search["setting"]]
        best = bool(search["best"].iloc[0])
        edge = [
            style.PALETTE["policy" if best else "accent"] if on else style.PALETTE["neutral"]
            for on in search["on"]
        ]
        face = [c if best and on else "white" for c, on in zip(edge, search["on"], strict=True)]
        ax.scatter(
            search["place"],
            y,
            s=30,
            facecolors=face,
            edgecolors=edge,
            linewidths=1.4,
            clip_on=False,
            zorder=3,
        )
    ax.set_yticks(range(len(names)), names[::-1])
    ax.set_xlim(-0.02, 1.02)
    ax.set_xticks([0, 0.5, 1], ["lowest", "half-way", "highest allowed"])
    ax.grid(visible=False, axis="x")
    return fig


def risk_plot(data: pd.DataFrame, label: str) -> Figure:
    """Probability that the fund cannot pay, and that the stop rule closes it, against what the mix reaches."""
    fig = style.new_figure(height=3.4)
    ax = fig.subplots()
    lines = (("short", "cannot pay all claims", "bad"), ("stopped", "stop rule closes it", "counterfactual"))
    for column, name, tone in lines:
        color = style.PALETTE[tone]
        ax.plot(data["value"], data[column], color=color, marker="o", clip_on=False)
        style.label_line(ax, float(data["value"].iloc[0]), float(data[column].iloc[0]), name, color)
    shown = data.drop_duplicates(["value", "short"])
    for value, short, share in zip(shown["value"], shown["short"], shown["share"], strict=True):
        ax.annotate(f"{100 * share:.3g} %", (value, short), xytext=(-7, 0), textcoords="offset points",
                    ha="right", va="center", fontsize=8, color=style.PALETTE["quiet"])  # fmt: skip
    ax.set_ylim(-0.02, 1.0)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    ax.set_xlabel(label)
    ax.set_ylabel("probability, within the horizon")
    return fig
