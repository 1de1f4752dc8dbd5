"""What the policy costs the public: flows by year, present value, cost per unit of additional credit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sme_analysis.impact.effects import effects
from sme_analysis.simulation import Simulation


def flows(simulation: Simulation) -> pd.DataFrame:
    """Public flows by year, instrument and line, CNY million; costs positive, income negative.

    For the compensation fund the cost is claims paid less recoveries and fees: appropriations only move money from one public
    account to another, and are shown in `fund_account`.
    """
    rows = [
        {"year": year.label, "instrument": name, "line": line, "amount": amount}
        for year in simulation.years
        for name, outcome in year.outcomes.items()
        for line, amount in outcome.lines.items()
    ]
    return pd.DataFrame(rows, columns=["year", "instrument", "line", "amount"])


def discount_factors(simulation: Simulation, rate: float | None = None) -> pd.Series:
    """Mid-year discount factors by year label, measured from the start of the policy."""
    r = simulation.parameters["horizon.social_discount_rate"] if rate is None else rate
    share = np.array([y.share for y in simulation.years])
    middle = np.cumsum(share) - share / 2
    return pd.Series((1 + r) ** -middle, index=list(simulation.labels), name="factor")


def cost_table(simulation: Simulation) -> pd.DataFrame:
    """Net public cost by year (rows) and instrument (columns), with `total` and `present_value`, CNY million."""
    table = flows(simulation)
    names = list(simulation.years[0].outcomes)
    wide = (
        table.pivot_table(index="year", columns="instrument", values="amount", aggfunc="sum")
        if len(table)
        else pd.DataFrame()
    )
    wide = wide.reindex(index=list(simulation.labels), columns=names).fillna(0.0)
    wide["total"] = wide.sum(axis=1)
    wide["present_value"] = wide["total"] * discount_factors(simulation)
    return wide.rename_axis("year").reset_index()


def value_for_money(simulation: Simulation) -> pd.Series:
    """Totals over the horizon.

    Returns
    -------
    Series: `additional_loan_years` (sum over years of additional lending, CNY million x years), `cost` (cash) and
    `present_value` of public cost (CNY million), `leverage` (additional loan-years per unit of cost),
    `cost_per_additional` (its inverse, a rate a year), both NaN where the denominator is not positive
    """
    additional = float(effects(simulation)["lending_change"].sum())
    table = cost_table(simulation)
    cost, value = float(table["total"].sum()), float(table["present_value"].sum())
    return pd.Series(
        {
            "additional_loan_years": additional,
            "cost": cost,
            "present_value": value,
            "leverage": additional / cost if cost > 0 else np.nan,
            "cost_per_additional": cost / additional if additional > 0 else np.nan,
        }
    )


def fund_account(simulation: Simulation) -> pd.DataFrame:
    """The compensation fund on the expected path by year, CNY million: money in, money out, balance, credibility.

    Empty where no fund is active. available = opening balance + appropriation + recoveries;
    closing balance = (available - claims paid + fees) (1 + yield).
    """
    rows = []
    for year in simulation.years:
        outcome = year.outcomes.get("risk_compensation")
        if outcome is None:
            continue
        f, lines = outcome.facts, outcome.lines
        rows.append(
            {
                "year": year.label,
                "appropriation": f["appropriation"],
                "available": f["available"],
                "covered_lending": f["covered lending"],
                "claims_promised": f["claims promised"],
                "claims_paid": lines["claims paid"],
                "recoveries": -lines["recoveries"],
                "fees": -lines["fees received"],
                "closing_balance": f["balance at end"],
                "credibility": f["credibility"],
                "covered_default_rate": f["covered default rate"],
                "suspended": bool(f["suspended"]),
            }
        )
    return pd.DataFrame(rows)
