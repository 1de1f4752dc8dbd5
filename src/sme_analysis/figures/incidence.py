"""Figures and tables on who ends up with the money: a yuan's way, accounts, cost, gross to net, who benefits, why defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sme_analysis.figures.policy_package import active, title
from sme_analysis.impact import (
    Assessment,
    assess,
    cost_measures,
    default_parts,
    effects,
    gross_to_net,
    incidence,
    payments,
    real_effects,
)
from sme_analysis.impact.incidence import HOLDERS
from sme_analysis.regulation import INDUSTRY_NAMES
from sme_analysis.report import style
from sme_analysis.scenario.catalogue import load_catalogue
from sme_analysis.scenario.figures import figure
from sme_analysis.simulation import Simulation, simulate
from sme_analysis.simulation.measures import AGE_BANDS, RISK_BANDS

ELASTICITY = "firms.demand_semi_elasticity"
NOTHING = 1e-9  # CNY million: rounding
ORDERS = {"size_class": ("micro", "small", "medium"), "age": AGE_BANDS, "risk": RISK_BANDS}
# Lender surplus and deadweight loss, from the abstract that `lit.cox_liu_morrison2021.borrower_share` is taken from.
COX_LENDERS, COX_LOST = 0.34, 0.02
# Steps of the waterfalls by column of `gross_to_net` and `default_parts`; those that begin at nothing.
WORDS = {
    "programme_lending": "lent under the programmes", "deadweight": "would have been lent anyway",
    "outside": "change outside the programmes", "growth": "growth and need of firms", "additional": "additional lending",
    "receivables": "own money in place of credit", "leakage": "spent elsewhere (leakage)",
    "value_added": "value added by the rest",
    "product_displacement": "taken from competitors", "net_value_added": "net value added", "jobs": "net jobs",
    "pd_without": "all loans, without policy", "selection": "selection: who is covered", "price": "price: what they pay",
    "moral_hazard": "moral hazard: weaker monitoring", "pd_covered": "covered loans",
}  # fmt: skip
TOTALS = ("programme_lending", "additional", "value_added", "net_value_added", "jobs",
          "pd_without", "pd_covered")  # fmt: skip
_UNITS = {"share": (100.0, 2), "yuan": (1.0, 2), "money": (1.0, 1), "jobs": (1.0, 0)}  # factor, decimals
_COLORS = {"total": "#0072B2", "more": "#3A9BD0", "less": "#D55E00", "pays": "#D55E00", "created": "#00875F",
           "all": "#9AA1A7", "gains": "#0072B2", "lost": "#C1440E"}  # fmt: skip


def full_year(simulation: Simulation) -> str:
    """Label of the first year in which the policy is in force from January; the last year if there is none."""
    return next((year.label for year in simulation.years if year.share >= 1), simulation.labels[-1])


def signed(value: float, decimals: int = 2) -> str:
    """A number with its sign, never a signed nought."""
    text = f"{value:+,.{decimals}f}".replace("-", "−")
    return text if any(c in "123456789" for c in text) else text[1:]


def _row(frame: pd.DataFrame, year: str) -> dict[str, float]:
    """The row of a year as numbers by column."""
    row = frame.set_index("year").loc[[year]]
    return dict(zip(map(str, row.columns), row.to_numpy(dtype=float)[0].tolist(), strict=True))


def steps(parts: Mapping[str, float]) -> pd.DataFrame:
    """Bars of a waterfall: `part`, `amount`, `start` of the bar, and its `kind`: total (it begins at nothing), more or less."""
    rows, running = [], 0.0
    for key, amount in parts.items():
        total = key in TOTALS
        kind = "total" if total else ("more" if amount >= 0 else "less")
        rows.append((WORDS[key], amount, 0.0 if total else running, kind))
        running = amount if total else running + amount
    return pd.DataFrame(rows, columns=["part", "amount", "start", "kind"])


def draw_steps(ax: Axes, data: pd.DataFrame, unit: str, spread: tuple[float, float] | None = None) -> None:
    """Draw bars from `steps`, the first on top, each with its amount; `spread` is the range of the last one."""
    factor, decimals = _UNITS[unit]
    starts, amounts = (factor * data[name].to_numpy(dtype=float) for name in ("start", "amount"))
    ends = starts + amounts
    edges = (0.0, *starts, *ends, *(spread or ()))
    low, high, span = min(edges), max(edges), float(np.ptp(edges)) or 1.0
    ax.barh(
        range(len(data)), amounts, left=starts, color=[_COLORS[kind] for kind in data["kind"]], height=0.62
    )
    for k, kind in enumerate(data["kind"]):
        text = signed(amounts[k], decimals).removeprefix("" if kind in ("more", "less") else "+")
        right = max(starts[k], ends[k])
        if spread is not None and k == len(data) - 1:
            ax.plot(spread, (k, k), color=style.PALETTE["ink"], linewidth=1.2, marker="|", markersize=8)
            text += f" ({spread[0]:,.{decimals}f} to {spread[1]:,.{decimals}f})".replace("-", "−")
            right = max(right, spread[1])
        ax.text(right + 0.012 * span, k, text, va="center", fontsize=9)
    ax.axvline(0, color=style.PALETTE["neutral"], linewidth=0.8)
    ax.set_yticks(range(len(data)), list(data["part"]))
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.set_xlim(low - 0.02 * span if low < 0 else 0, high + (0.34 if spread else 0.14) * span)
    ax.grid(visible=False, axis="y")


def steps_plot(data: pd.DataFrame, unit: str, label: str) -> Figure:
    """One waterfall; `unit` is share (drawn in percent), yuan, money or jobs."""
    fig = style.new_figure(height=0.34 * len(data) + 0.8)
    draw_steps(fig.subplots(), data, unit)
    fig.axes[0].set_xlabel(label)
    return fig


def totals(simulation: Simulation) -> pd.Series:
    """Change of each account over the horizon (CNY million), by party, with `net value` and the public's `cost`."""
    found = incidence(simulation).groupby("party", sort=False)["change"].sum()
    found["cost"] = -found["public"]
    return found


def yuan_data(simulation: Simulation) -> pd.DataFrame:
    """Where the money comes from and where it goes, per yuan of public cost (in CNY million where there is no public cost).

    First those who pay and the net value created, then their sum, then those who gain and what is lost: both sides are equal.

    Returns
    -------
    DataFrame: part, amount, start (of its bar), kind (pays, created, all, gains, lost)
    """
    found = totals(simulation)
    found /= found["cost"] if found["cost"] > NOTHING else 1.0
    ranked, net = (
        found[list(HOLDERS)].sort_values().rename({"debtors": "debtors of firms"}),
        float(found["net value"]),
    )
    pays = [(f"{p} pay{'s' * (p == 'public')}", -x, "pays") for p, x in ranked.items() if x < -NOTHING]
    gains = [(f"{p} gain", x, "gains") for p, x in ranked[::-1].items() if x > NOTHING]
    pays += [("net value created", net, "created")] * (net >= 0)
    gains += [("net value lost", -net, "lost")] * (net < 0)
    before, after = (np.cumsum([0.0, *(row[1] for row in rows)]) for rows in (pays, gains))
    frame = pd.DataFrame([*pays, ("in all", before[-1], "all"), *gains], columns=["part", "amount", "kind"])
    frame.insert(2, "start", [*before[:-1], 0.0, *after[:-1]])
    return frame


def yuan_words(data: pd.DataFrame) -> str:
    """Who gains and who pays beside the public, as a clause, from `yuan_data`; what rounds to nothing is left out."""
    large = data[(data["amount"] >= 0.005) & (data["part"] != "public pays")].itertuples()
    said = [(row.kind, f"{row.part} {row.amount:,.2f}") for row in large]
    gains, pays = ([text for kind, text in said if kind == side] for side in ("gains", "pays"))
    clauses = [" and ".join(gains), "beside the public, " + ", ".join(pays) if pays else ""]
    return "; ".join(filter(None, clauses)) or "nobody gains or pays"


def party_table(simulation: Simulation) -> pd.DataFrame:
    """Change of each party's account by year and in all (CNY million), their sum, and what that sum is made of."""
    wide = incidence(simulation).pivot_table(index="party", columns="year", values="change", sort=False)
    names = {"net value": "sum: net value created", "value of credit": "made of: value of credit",
             "resources": "less resources used", "lost": "less lost in default"}  # fmt: skip
    wide.loc[["resources", "lost"]] *= -1
    wide = wide.loc[["public", *(name for name in HOLDERS if name != "public"), *names]].rename(index=names)
    return wide.assign(total=wide.sum(axis=1)).rename_axis(None, axis=1).reset_index()


def by_instrument(a: Assessment) -> pd.DataFrame:
    """Incidence of each instrument that moves CNY 1,000 or more alone, and of the package: CNY million, parts per yuan of cost.

    Returns
    -------
    DataFrame: instrument, cost; borrowers, lenders, others, net_value_per_yuan (NaN without public cost); net_value
    """
    names = active(a.parameters)  # type: ignore[arg-type]
    rows: list[tuple[Any, ...]] = []
    for name in (*names, "package"):
        off = {f"{other}.active": False for other in names if name not in (other, "package")}
        other = simulate(a.firms, a.parameters.replace(off), like=a.simulation) if off else a.simulation  # type: ignore[attr-defined]
        cost, net, firms, banks = totals(other)[["cost", "net value", "borrowers", "lenders"]].tolist()
        base = cost if cost > NOTHING else np.nan
        parts = (x / base for x in (firms, banks, cost + net - firms - banks, net))
        if name == "package" or max(abs(cost), abs(firms)) > 1e-3:
            rows.append((title(name), cost, *parts, net))
    rows.sort(key=lambda row: (row[0] == "package", -row[-1]))
    columns = ["instrument", "cost", "borrowers", "lenders", "others", "net_value_per_yuan", "net_value"]
    return pd.DataFrame(rows, columns=columns)


def worth_data(a: Assessment) -> pd.DataFrame:
    """The package where demand answers to the rate as little and as much as the catalogue's range allows: what credit is worth.

    Returns
    -------
    DataFrame: elasticity, worth (value of a unit of credit a year, without policy), additional (mean of the years, CNY million),
    borrowers, lenders and net_value (per yuan; NaN without public cost)
    """
    spread, own, rows = load_catalogue()[ELASTICITY].distribution, float(a.parameters[ELASTICITY]), []
    ends = () if spread is None else (spread.low, spread.high)
    for value in sorted({own, *map(float, ends)}):
        other = a if value == own else assess(a.parameters.replace({ELASTICITY: value}), a.firms)  # type: ignore[attr-defined]
        found, e = totals(other.simulation), effects(other.simulation)
        per = found / found["cost"] if found["cost"] > NOTHING else found * np.nan
        worth = e["value_without"].sum() / e["lending_without"].sum()
        rows.append((value, worth, e["lending_change"].mean(), *per[["borrowers", "lenders", "net value"]]))
    columns = ["elasticity", "worth", "additional", "borrowers", "lenders", "net_value"]
    return pd.DataFrame(rows, columns=columns)


def _changes(simulation: Simulation, year: str) -> pd.DataFrame:
    """Payments of a year with their `change`: what is added by the policy, less what is paid without it (CNY million)."""
    table = payments(simulation).query("year == @year")
    return table.assign(change=table["amount"].where(table["path"] == "policy", -table["amount"]))


def matrix_data(simulation: Simulation, year: str) -> pd.DataFrame:
    """Who pays whom, policy less counterfactual (CNY million): payers in rows, receivers in columns, missing where nothing moves.

    Guarantors and insurers stand together. The last two rows are what each receives and what it keeps, received less paid; the
    last column is what each pays.
    """
    both = dict.fromkeys(("guarantors", "insurers"), "guarantors, insurers")
    found = _changes(simulation, year).replace({"payer": both, "receiver": both})
    change = found.groupby(["payer", "receiver"])["change"].sum()
    wide = change.where(change.abs() > NOTHING).unstack().dropna(how="all", axis=0).dropna(how="all", axis=1)
    order = dict.fromkeys(both.get(p, p) for p in ("value", *HOLDERS, "resources", "lost"))
    wide = wide.loc[[p for p in order if p in wide.index], [p for p in order if p in wide.columns]]
    paid, received = wide.sum(axis=1), wide.sum(axis=0)
    wide["all"] = paid
    wide.loc["receives"] = received
    wide.loc["keeps"] = received - paid.reindex(received.index).fillna(0.0)
    wide = wide.rename(index={"value": "value of credit"}).rename_axis("payer")
    return wide.rename_axis(None, axis=1).reset_index()


def lines_data(simulation: Simulation, year: str) -> pd.DataFrame:
    """What the accounts of borrowers and of lenders are made of: party, line, change (CNY million), largest first."""
    found, rows = _changes(simulation, year), []
    for party in ("borrowers", "lenders"):
        gain = found["change"] * (1.0 * (found["receiver"] == party) - (found["payer"] == party))
        lines = gain.groupby(found["line"]).sum().sort_values(key=abs, ascending=False, kind="stable")
        lines = lines[lines.abs() > NOTHING]
        rows += [(party, line, float(x)) for line, x in lines.items()] + [(party, "sum", float(lines.sum()))]
    return pd.DataFrame(rows, columns=["party", "line", "change"])


def cost_data(simulation: Simulation) -> pd.DataFrame:
    """`cost_measures` of the instruments that cost something, dearest first, total last; no lending where none is enrolled."""
    table = cost_measures(simulation)
    if table.empty:
        return table
    table["instrument"] = table["instrument"].map(title)
    table["lending"] = table["lending"].where(table["lending"] > 0)
    rows = table.iloc[:-1].sort_values("cash", ascending=False, kind="stable")
    return pd.concat([rows[rows["cash"].abs() > NOTHING], table.iloc[[-1]]], ignore_index=True)


def real_data(simulation: Simulation) -> pd.DataFrame:
    """Additional lending, net value added and jobs by year with their ranges, and the mean of the years as last row."""
    ends = real_effects(simulation)
    table = gross_to_net(simulation)[["year", "programme_lending", "additional"]].merge(ends, on="year")
    mean = table.drop(columns="year").mean().to_frame().T.assign(year="mean")
    return pd.concat([table, mean], ignore_index=True)


def net_data(simulation: Simulation, year: str) -> pd.DataFrame:
    """Waterfalls from lending under the programmes to net value added and jobs in a year, with `low` and `high` where known.

    Column `panel` tells lending, value (both CNY million) and jobs apart.
    """
    found, ends = _row(gross_to_net(simulation), year), _row(real_data(simulation), year)
    columns = list(found)
    middle = columns.index("additional")
    panels = {"lending": columns[: middle + 1], "net_value_added": columns[middle:-1], "jobs": columns[-1:]}
    frames = []
    for name, keys in panels.items():
        frame = steps({key: found[key] for key in keys}).assign(panel=name)
        last = (frame.index == len(frame) - 1) & (name != "lending")
        for end in ("low", "high"):
            frame[end] = np.where(last, ends.get(f"{name}_{end}", np.nan), np.nan)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def net_plot(data: pd.DataFrame) -> Figure:
    """The waterfalls of `net_data` one below the other, each on its own scale."""
    fig = style.new_figure(height=5.6)
    axes = fig.subplots(3, 1, height_ratios=[5, 5, 1])
    words = ("lending, CNY million", "from additional lending to net value added, CNY million", "jobs")
    for ax, (panel, rows), label in zip(axes, data.groupby("panel", sort=False), words, strict=True):
        low, high = (float(rows[end].iloc[-1]) for end in ("low", "high"))
        spread = None if np.isnan(low) else (low, high)
        draw_steps(ax, rows.reset_index(drop=True), "jobs" if panel == "jobs" else "money", spread)
        ax.set_xlabel(label)
    return fig


def groups_data(simulation: Simulation, by: str, year: str) -> pd.DataFrame:
    """What a year's policy changes by group of firms, bands in their order, industries with most additional lending first.

    Returns
    -------
    DataFrame: group; lending_without, additional, need_change (CNY million); new_borrowers; rate_change (of the rate net of
    subsidy, a ratio of sums); share_without and share_added (of all lending without policy, of all additional lending)
    """
    e = effects(simulation, [by])
    e = e[e["year"] == year].set_index(by)
    if by in ORDERS:
        e = e.reindex([name for name in ORDERS[by] if name in e.index])
    else:
        e = e.sort_values("lending_change", ascending=False, kind="stable").rename(index=dict(INDUSTRY_NAMES))
    added, before = e["lending_change"], e["lending_without"]
    columns = {"lending_without": before, "additional": added, "need_change": e["need_change"],
               "new_borrowers": e["borrowers_change"], "rate_change": e["effective_rate_change"],
               "share_without": before / before.sum(),
               "share_added": added / (added.sum() if abs(added.sum()) > NOTHING else np.nan)}  # fmt: skip
    return pd.DataFrame(columns).rename_axis("group").reset_index()


def groups_plot(frames: Mapping[str, pd.DataFrame]) -> Figure:
    """Bars of three changes for each group: a block of rows for each dimension, one scale for each column."""
    sizes = [len(frame) for frame in frames.values()]
    fig = style.new_figure(height=0.235 * sum(sizes) + 0.35 * len(sizes) + 0.5)
    axes = fig.subplots(len(sizes), 3, height_ratios=[n + 0.4 for n in sizes], squeeze=False)
    columns = (("additional", 1.0, 1, "additional lending\nCNY million"), ("new_borrowers", 1.0, 0, "new borrowers\nfirms"),
               ("rate_change", 1e4, 0, "rate net of subsidy\nbasis points"))  # fmt: skip
    for k, (column, factor, decimals, label) in enumerate(columns):
        axes[0, k].set_title(label, fontsize=9, fontweight="normal", loc="center")
        values = pd.concat([frame[column] for frame in frames.values()]).fillna(0.0)
        low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
        span = (high - low) or 1.0
        for ax, (name, frame) in zip(axes[:, k], frames.items(), strict=True):
            places, amounts = list(range(len(frame))), frame[column].fillna(0.0).tolist()
            ax.barh(places, amounts, height=0.66, color=style.PALETTE["policy"])
            for place, x in zip(places, amounts, strict=True):
                side, at = ("left", 1) if x >= 0 else ("right", -1)
                text = signed(factor * x, decimals)
                ax.text(x + 0.02 * at * span, place, text, va="center", ha=side, fontsize=8)
            ax.axvline(0, color=style.PALETTE["neutral"], linewidth=0.8)
            ax.set_yticks(places, list(frame["group"]) if k == 0 else [""] * len(places))
            ax.set_ylabel(name if k == 0 else "")
            ax.tick_params(axis="y", length=0)
            ax.set_xticks([])
            ax.grid(visible=False)
            ax.invert_yaxis()
            ax.spines[["bottom", "left"]].set_visible(False)
            ax.set_xlim(low - 0.45 * span * (low < 0), high + 0.4 * span * (high > 0 or low == 0))
    return fig


def defaults_data(simulation: Simulation, year: str) -> pd.DataFrame:
    """Waterfall from the PD of all loans without policy to that of covered loans; empty where nothing is covered."""
    parts = _row(default_parts(simulation), year)
    return steps({} if np.isnan(parts["pd_covered"]) else parts)


def verdict(model: float, published: float) -> str:
    """How a figure of the model stands to a published one: near within a factor of 1.5, else by how much, or of other sign."""
    if abs(model) < 1e-12 or published == 0 or model * published < 0:
        return "other sign" if model * published < 0 else "nothing"
    ratio = model / published
    return "near" if 1 / 1.5 <= ratio <= 1.5 else f"{'larger' if ratio > 1 else 'smaller'}, {ratio:.2g} times"


def comparison_data(simulation: Simulation, year: str, alone: pd.DataFrame) -> pd.DataFrame:
    """The model beside published figures on default of covered loans and on incidence; rows only for what the scenario has.

    Parameters
    ----------
    alone : from `by_instrument`; the fund alone is compared with the incidence of loan guarantees

    Returns
    -------
    DataFrame: measure, model, published, unit, study, verdict, source (of the published figure)
    """
    parts, fund = _row(default_parts(simulation), year), alone[alone["instrument"] == "risk compensation"]
    firms, banks, net = fund[["borrowers", "lenders", "net_value_per_yuan"]].to_numpy().sum(axis=0)
    chile, us = "Cowan et al. 2015", "Cox, Liu and Morrison 2021"
    same = parts["price"] + parts["moral_hazard"]
    keys = ("lit.cowan2015.selection_default", "lit.cowan2015.missed_payment",
            "lit.cox_liu_morrison2021.borrower_share")  # fmt: skip
    selected, missed, share = (figure(key).value for key in keys)
    split = firms / (firms + banks) if len(fund) else np.nan
    rows = [
        ("Default: selection into cover", parts["selection"], selected, "change_share", chile, keys[0]),
        ("Default: price and moral hazard", same, missed, "change_share", chile, keys[1]),
        ("Fund alone, per yuan: borrowers", firms, share, "number", us, keys[2]),
        ("Fund alone, per yuan: lenders", banks, COX_LENDERS, "number", us, keys[2]),
        ("Fund alone, per yuan: net value", net, -COX_LOST, "number", us, keys[2]),
        ("Borrowers' part of what both gain", split, share / (share + COX_LENDERS), "share", us, keys[2]),
    ]
    columns = ["measure", "model", "published", "unit", "study", "key"]
    table = pd.DataFrame(rows if len(fund) else rows[:2], columns=columns).dropna(ignore_index=True)
    cited = [figure(key) for key in table.pop("key")]
    places = [f"{study} ({found.geography})" for study, found in zip(table["study"], cited, strict=True)]
    judged = [verdict(m, p) for m, p in zip(table["model"], table["published"], strict=True)]
    return table.assign(study=places, verdict=judged, source=[found.source for found in cited])
