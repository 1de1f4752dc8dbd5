"""Figures and tables of the brief: cost by instrument, what additional lending is made of, each instrument alone."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from sme_analysis.impact import (
    Assessment,
    Attribution,
    additionality,
    cost_table,
    headline,
    value_for_money,
)
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.report import style
from sme_analysis.scenario import Parameters, load_scenario
from sme_analysis.simulation import simulate

# names for the heads of a table of many columns
SHORT = {
    "risk_compensation+loan_guarantee": "fund, guarantors",
    "service_efficiency": "service",
    "innovation_fund": "innovation",
    "credit_incentive": "incentive",
    "loan_insurance": "insurance",
    "credit_rating": "rating",
    "arrears_clearance": "arrears",
}


def title(name: str) -> str:
    """An instrument's or player's name for a reader."""
    return name.replace("+", " with ").replace("_", " ")


def active(parameters: Parameters) -> list[str]:
    """Names of the instruments that are switched on."""
    return [name for name in INSTRUMENTS if parameters[f"{name}.active"]]


def alone(parameters: Parameters, name: str) -> Parameters:
    """The parameters with every other instrument switched off."""
    return parameters.replace({f"{other}.active": False for other in INSTRUMENTS if other != name})


def composition_data(a: Assessment) -> pd.DataFrame:
    """What the first year's additional lending is made of: part, amount, and where its bar begins (CNY million)."""
    row = additionality(a.simulation).iloc[0]
    steps = [
        ("lending under the programmes", row["programme_lending"]),
        ("would have been lent anyway", -row["deadweight"]),
        ("change outside the programmes", row["outside"]),
        ("growth and need of firms", row["growth"]),
    ]
    frame = pd.DataFrame(steps, columns=["part", "amount"])
    frame["start"] = frame["amount"].cumsum().shift(fill_value=0.0)
    total = pd.DataFrame([{"part": "additional lending", "amount": row["additional"], "start": 0.0}])
    return pd.concat([frame, total], ignore_index=True)


def composition_plot(data: pd.DataFrame) -> Figure:
    """A waterfall from programme lending to additional lending."""
    fig = style.new_figure(height=3.2)
    ax = fig.subplots()
    colors = [
        style.PALETTE["neutral"],
        style.PALETTE["bad"],
        style.PALETTE["accent"],
        style.PALETTE["accent"],
    ]
    colors = [*colors, style.PALETTE["policy"]]
    places = range(len(data) - 1, -1, -1)
    starts, amounts = (data[name].astype(float).tolist() for name in ("start", "amount"))
    span = max(1.0, *(a + b for a, b in zip(starts, amounts, strict=True)))
    for place, start, amount, color in zip(places, starts, amounts, colors, strict=True):
        ax.barh(place, amount, left=start, color=color, height=0.62)
        end = max(start, start + amount)
        ax.text(end + 0.01 * span, place, f"{amount:,.1f}".replace("-", "−"), va="center")
    ax.set_yticks(list(places), list(data["part"]))
    ax.set_xlim(min(0.0, float(data["start"].min())), 1.15 * span)
    ax.set_xlabel("CNY million, first year")
    ax.grid(visible=False, axis="y")
    return fig


def cost_data(a: Assessment) -> pd.DataFrame:
    """Net public cost by year and instrument, long form: year, instrument, cost (CNY million)."""
    wide = cost_table(a.simulation).drop(columns=["total", "present_value"])
    frame = wide.melt(id_vars="year", var_name="instrument", value_name="cost")
    frame["instrument"] = frame["instrument"].map(title)
    return frame


def cost_plot(data: pd.DataFrame) -> Figure:
    """Stacked columns of public cost by year; instruments that cost little are drawn as one."""
    fig = style.new_figure(height=3.8)
    ax = fig.subplots()
    wide = data.pivot_table(index="year", columns="instrument", values="cost", sort=False)
    wide = wide.loc[:, (wide != 0).any()]
    small = wide.columns[wide.sum() < 0.05 * wide.to_numpy().sum()]
    if len(small) > 1:
        wide = wide.drop(columns=small).assign(**{f"{len(small)} others": wide[small].sum(axis=1)})
    wide = wide[wide.sum().sort_values(ascending=False).index]
    base = pd.Series(0.0, index=wide.index)
    places = []
    for k, name in enumerate(wide.columns):
        ax.bar(wide.index, wide[name], bottom=base, color=style.SEQUENCE[k % len(style.SEQUENCE)], width=0.6)
        places.append(float(base.iloc[-1] + wide[name].iloc[-1] / 2))
        base = base + wide[name].clip(lower=0)
    for k, place in enumerate(places):
        style.label_line(ax, len(wide) - 0.7, place, wide.columns[k], style.SEQUENCE[k % len(style.SEQUENCE)])
    ax.set_xlim(-0.6, len(wide) - 0.4)
    ax.set_ylabel("net public cost, CNY million")
    ax.grid(visible=False, axis="x")
    return fig


def attribution_data(found: Attribution) -> pd.DataFrame:
    """Shapley value of each player, beside what it does alone and what it adds to the others.

    Returns
    -------
    DataFrame: instrument; additional (loan-years, CNY million), alone, last (the same measure); borrowers (borrower-years);
    cost (present value, CNY million); sorted by additional, last row the package
    """
    shapley, alone_, last = found.shapley(), found.alone(), found.last()
    measure = "additional_loan_years"
    frame = pd.DataFrame(
        {
            "instrument": [title(name) for name in found.players],
            "additional": shapley[measure].to_numpy(),
            "alone": alone_[measure].to_numpy(),
            "last": last[measure].to_numpy(),
            "borrowers": shapley["borrower_years"].to_numpy(),
            "cost": shapley["present_value"].to_numpy(),
        }
    ).sort_values("additional", ascending=False, ignore_index=True)
    joint = found.joint
    package = {
        "instrument": "package",
        "additional": joint[measure],
        "alone": joint[measure],
        "last": joint[measure],
        "borrowers": joint["borrower_years"],
        "cost": joint["present_value"],
    }
    return pd.concat([frame, pd.DataFrame([package])], ignore_index=True)


def attribution_plot(data: pd.DataFrame) -> Figure:
    """A waterfall of Shapley values from nothing to the package."""
    fig = style.new_figure(height=0.36 * len(data) + 0.9)
    ax = fig.subplots()
    parts = data["additional"].astype(float).tolist()
    starts = [0.0, *pd.Series(parts[:-2]).cumsum().tolist(), 0.0]  # the last bar is the package, from nothing
    ends = [a + b for a, b in zip(starts, parts, strict=True)]
    low, high = min(0.0, *starts, *ends), max(1.0, *starts, *ends)
    for k, (start, part) in enumerate(zip(starts, parts, strict=True)):
        last = k == len(parts) - 1
        color = style.PALETTE["policy" if last else ("accent" if part >= 0 else "bad")]
        ax.barh(len(parts) - 1 - k, part, left=start, color=color, height=0.62)
        text = f"{part:+,.0f}".replace("-", "−")
        ax.text(max(start, start + part) + 0.01 * (high - low), len(parts) - 1 - k, text, va="center")
    ax.set_yticks(list(range(len(parts) - 1, -1, -1)), list(data["instrument"]))
    ax.set_xlim(low - 0.02 * (high - low), high + 0.14 * (high - low))
    ax.axvline(0, color=style.PALETTE["neutral"], linewidth=0.8)
    ax.set_xlabel("additional lending over the horizon, CNY million × years")
    ax.grid(visible=False, axis="y")
    return fig


def overlap_data(found: Attribution) -> pd.DataFrame:
    """Pairs of instruments: what both do together beyond what each does alone, CNY million × years; the diagonal is alone."""
    table = found.overlap("additional_loan_years")
    names = [SHORT.get(name, title(name)) for name in table.index]
    return table.set_axis(names, axis=0).set_axis(names, axis=1).rename_axis("instrument").reset_index()


def options_data(whole: Assessment) -> pd.DataFrame:
    """Do nothing, do the minimum (duties that need no fund), and the package: five-year totals and the first year.

    Returns
    -------
    DataFrame: option, additional (loan-years, CNY million), new_borrowers and rate_change (first year), present_value of public
    cost (CNY million), cost_per_additional (a rate; NaN where nothing is added)
    """
    least = load_scenario("do-minimum").parameters
    switches = {f"{name}.active": least[f"{name}.active"] for name in INSTRUMENTS}
    options = {
        "do nothing": {f"{name}.active": False for name in INSTRUMENTS},
        "do the minimum": switches,
    }
    found = {
        name: simulate(whole.firms, whole.parameters.replace(changes), like=whole.simulation)  # type: ignore[attr-defined]
        for name, changes in options.items()
    }
    rows = []
    for name, simulation in {**found, "package": whole.simulation}.items():
        money, first = value_for_money(simulation), headline(simulation).iloc[0]
        rows.append(
            {
                "option": name,
                "additional": money["additional_loan_years"],
                "new_borrowers": first["new_borrowers"],
                "rate_change": first["rate_change"],
                "present_value": money["present_value"],
                "cost_per_additional": money["cost_per_additional"],
            }
        )
    return pd.DataFrame(rows)
