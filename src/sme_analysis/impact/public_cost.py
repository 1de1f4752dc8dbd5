"""What the policy costs the public: flows by year, present value, cost per unit of additional credit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sme_analysis.impact.effects import effects
from sme_analysis.market.credit import chunked_sum
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


RATES = (0.08, 0.06, 0.035)


def cost_measures(simulation: Simulation) -> pd.DataFrame:
    """Public cost over the horizon by instrument, in every measure that a budget office uses, CNY million.

    *cash*: sum of the years; *pv_8*, *pv_6*, *pv_3_5*: present value at 8 % (Chinese guideline), 6 % and 3.5 % (United
    Kingdom); *lending*: under the instrument, sum of the years; *subsidy_rate*: present value at the scenario's rate over the
    discounted lending; *fair_value*: the same present value with claims on the fund at market prices, that is with
    risk-neutral PDs (`horizon.price_of_risk`), on which claims in bad years weigh more. In a year whose macro state is given,
    cost is what is paid in it, and the price of risk still that of the promise beforehand.

    Returns
    -------
    DataFrame: instrument (last row `total`) and the measures
    """
    names = list(simulation.years[0].outcomes)
    costs = cost_table(simulation).set_index("year")
    factors = discount_factors(simulation)
    rows = []
    for name in names:
        cash = costs[name]
        risk, lending = pd.Series(0.0, cash.index), pd.Series(0.0, cash.index)
        for year in simulation.years:
            outcome = year.outcomes[name]
            risk[year.label] = outcome.facts.get("price of risk", 0.0)
            if outcome.loan is not None:
                lending[year.label] = chunked_sum(outcome.loan * year.state.weight * year.asks)
        value = float((cash * factors).sum())
        discounted = float((lending * factors).sum())
        rows.append(
            {
                "instrument": name,
                "cash": float(cash.sum()),
                **{_pv(rate): float((cash * discount_factors(simulation, rate)).sum()) for rate in RATES},
                "lending": float(lending.sum()),
                "subsidy_rate": value / discounted if discounted > 0 else np.nan,
                "fair_value": value + float((risk * factors).sum()),
            }
        )
    table = pd.DataFrame(rows, columns=[
        "instrument", "cash", *(_pv(rate) for rate in RATES), "lending", "subsidy_rate", "fair_value",
    ])  # fmt: skip
    if table.empty:
        return table
    total = table[["cash", *(_pv(rate) for rate in RATES), "fair_value"]].sum()
    programme = simulation.table().query("path == 'policy'").set_index("year")["programme_lending"]
    under = float((programme * factors).sum())
    present = float((costs["total"] * factors).sum())
    last = {"instrument": "total", **total, "lending": float(programme.sum())}
    return pd.concat(
        [table, pd.DataFrame([{**last, "subsidy_rate": present / under if under > 0 else np.nan}])],
        ignore_index=True,
    )


def _pv(rate: float) -> str:
    return f"pv_{100 * rate:g}".replace(".", "_")


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
                "claims_paid": lines["claims paid"] + lines["claims paid to guarantors"],
                "recoveries": -lines["recoveries"],
                "fees": -lines["fees received"],
                "closing_balance": f["balance at end"],
                "credibility": f["credibility"],
                "covered_default_rate": f["covered default rate"],
                "suspended": bool(f["suspended"]),
            }
        )
    return pd.DataFrame(rows)
