"""Why need is not met: firms that do not ask, that are refused, that are offered less, that draw less at the price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sme_analysis.market.credit import Conditions, Credit, Market
from sme_analysis.simulation import Simulation

PARTS = ("funded", "draws_less", "offered_less", "refused", "not_asked")


def unmet_need(simulation: Simulation) -> pd.DataFrame:
    """Need of firms that want credit on the counterfactual path of the first year, by what becomes of it.

    *not_asked*: weight x wants x (1 - applies) x D. *refused*: asking mass x (1 - P(served)) x D. *offered_less*:
    the need of served firms beyond the line that they are offered. *draws_less*: what they leave of that line because
    demand falls with the rate; the need is what a firm would borrow at the reference rate, so this part is a
    choice at the price and no rationing. With *funded* the parts sum to the need.

    Parameters
    ----------
    simulation : Simulation
        Any scenario; its policy is left out.

    Returns
    -------
    DataFrame
        size_class, need and `PARTS` (CNY million), firms_wanting and borrowers (numbers of firms).
    """
    market = simulation.market
    credit = _without_policy(simulation)
    # Lines, rates and refusals do not depend on the demand curve: switching it off leaves the lines themselves.
    line = _without_policy(simulation, {"firms.demand_semi_elasticity": 0.0})
    weight, need = market.initial.weight, market.initial.need
    served = credit["bank_served"] + credit["micro_served"]
    frame = pd.DataFrame(
        {
            "size_class": simulation.firms["size_class"].to_numpy(),
            "need": weight * market.wants * need,
            "funded": credit.mass * credit.loan,
            "draws_less": credit.mass * (line.loan - credit.loan),
            "offered_less": credit.mass * (served * need - line.loan),
            "refused": credit.mass * (1 - served) * need,
            "not_asked": (weight * market.wants - credit.mass) * need,
            "firms_wanting": weight * market.wants,
            "borrowers": credit.mass * served,
        }
    )
    table = frame.groupby("size_class", observed=True).sum()
    return table.reindex([name for name in ("micro", "small", "medium") if name in table.index]).reset_index()


def why_refused(simulation: Simulation) -> pd.DataFrame:
    """Refusals without policy in the first year, as they are and with what may cause them taken away.

    Parameters
    ----------
    simulation : Simulation
        Any scenario; its policy is left out.

    Returns
    -------
    DataFrame
        case; refused_firms, share of the firms that ask; refused_need, share of the need that they ask for.
    """
    free = {"bank.fixed_cost": 0.0, "micro_lender.fixed_cost": 0.0}
    p = simulation.parameters
    dearer = {"bank.rate_ceiling": max(p["bank.rate_ceiling"], p["micro_lender.rate_ceiling"])}
    cases: dict[str, dict[str, float]] = {
        "as it is": {},
        "no fixed cost per loan": free,
        "banks may charge as much as micro-lenders": dearer,
        "both": {**free, **dearer},
    }
    rows = []
    for case, changes in cases.items():
        credit = _without_policy(simulation, changes)
        refused = credit.mass * (1 - credit["bank_served"] - credit["micro_served"])
        asked = credit.mass * credit.need
        rows.append(
            {
                "case": case,
                "refused_firms": float(refused.sum() / credit.mass.sum()),
                "refused_need": float((refused * credit.need).sum() / asked.sum()),
            }
        )
    return pd.DataFrame(rows)


def firm_outcomes(simulation: Simulation) -> pd.DataFrame:
    """Each firm's outcome without policy in the first year.

    Parameters
    ----------
    simulation : Simulation
        Any scenario; its policy is left out.

    Returns
    -------
    DataFrame
        One row a firm of the sample: size_class; need and lending of banks (CNY million, lending weighted); rate
        that banks charge; pd at the reference rate; served by either lender (probability); asking (number of firms).
    """
    market = simulation.market
    credit = _without_policy(simulation)
    loan = credit["bank_loan"]
    rate = np.divide(credit["bank_interest"], loan, out=np.full(len(loan), np.nan), where=loan > 0)
    return pd.DataFrame(
        {
            "size_class": simulation.firms["size_class"].to_numpy(),
            "need": credit.need,
            "lending": credit.mass * loan,
            "rate": rate,
            "pd": 1 / (1 + np.exp(-market.quality)),
            "served": credit["bank_served"] + credit["micro_served"],
            "asking": credit.mass,
        }
    )


def _without_policy(simulation: Simulation, changes: Mapping[str, Any] | None = None) -> Credit:
    """First year of the counterfactual, with some parameters of the market changed and the firms as they are."""
    market = simulation.market
    if changes:
        market = Market(simulation.firms, {**simulation.parameters, **changes})
    cof = simulation.parameters["market.funding_cost"]
    return market.run(market.initial, Conditions(cof, cof))
