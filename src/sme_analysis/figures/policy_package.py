"""Figures and tables of the brief: cost by instrument, what additional lending is made of, each instrument alone."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from sme_analysis.impact import Assessment, additionality, assess, cost_table, effects, value_for_money
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.report import style
from sme_analysis.scenario import Parameters

NAMES = {
    "special_fund": "special fund",
    "risk_compensation": "risk compensation",
    "credit_incentive": "credit incentive",
}


def active(parameters: Parameters) -> list[str]:
    """Names of the instruments that are switched on."""
    return [name for name in INSTRUMENTS if parameters[f"{name}.active"]]


def alone(parameters: Parameters, name: str) -> Parameters:
    """The parameters with every other instrument switched off."""
    return parameters.replace({f"{other}.active": False for other in INSTRUMENTS if other != name})


def alone_and_together_data(whole: Assessment) -> pd.DataFrame:
    """Each active instrument alone, their sum, the package, and the difference: interaction.

    Returns
    -------
    DataFrame: measure (name), additional_lending (first year), new_borrowers (first year), cost (whole horizon, CNY million)
    """
    rows = []
    for name in active(whole.parameters):  # type: ignore[arg-type]
        part = assess(alone(whole.parameters, name))  # type: ignore[arg-type]
        rows.append({"measure": f"{NAMES[name]} alone", **_first_year(part)})
    frame = pd.DataFrame(rows, columns=["measure", "additional_lending", "new_borrowers", "cost"])
    total = frame.drop(columns="measure").sum()
    package = pd.Series(_first_year(whole))
    rows += [
        {"measure": "sum of the parts", **total},
        {"measure": "package", **package},
        {"measure": "interaction", **(package - total)},
    ]
    return pd.DataFrame(rows)


def _first_year(a: Assessment) -> dict[str, float]:
    first = effects(a.simulation).iloc[0]
    return {
        "additional_lending": float(first["lending_change"]),
        "new_borrowers": float(first["borrowers_change"]),
        "cost": float(value_for_money(a.simulation)["cost"]),
    }


def composition_data(a: Assessment) -> pd.DataFrame:
    """What the first year's additional lending is made of: part, amount, and where its bar begins (CNY million)."""
    row = additionality(a.simulation).iloc[0]
    steps = [
        ("lending under the programmes", row["programme_lending"]),
        ("would have been lent anyway", -row["deadweight"]),
        ("change outside the programmes", row["outside"]),
        ("growth of firms", row["growth"]),
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
    frame["instrument"] = frame["instrument"].map(NAMES)
    return frame


def cost_plot(data: pd.DataFrame) -> Figure:
    """Stacked columns of public cost by year."""
    fig = style.new_figure(height=3.4)
    ax = fig.subplots()
    wide = data.pivot_table(index="year", columns="instrument", values="cost", sort=False)
    base = pd.Series(0.0, index=wide.index)
    for k, name in enumerate(wide.columns):
        ax.bar(wide.index, wide[name], bottom=base, color=style.SEQUENCE[k], width=0.6)
        middle = float(base.iloc[-1] + wide[name].iloc[-1] / 2)
        ax.text(len(wide) - 0.6, middle, name, va="center", color=style.SEQUENCE[k])
        base = base + wide[name].clip(lower=0)
    ax.set_xlim(-0.6, len(wide) + 0.9)
    ax.set_ylabel("net public cost, CNY million")
    ax.grid(visible=False, axis="x")
    return fig
