"""Why need is not met: firms that do not ask, that are refused, that are offered less, that draw less at the price."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sme_analysis.market.credit import Conditions
from sme_analysis.simulation import Simulation

PARTS = ("funded", "less_than_sought", "refused", "not_asked")


def unmet_need(simulation: Simulation) -> pd.DataFrame:
    """Need of firms that want credit on the counterfactual path of the first year, by what becomes of it (CNY million).

    *not_asked*: weight x wants x (1 - applies) x D; *refused*: asking mass x (1 - P(served)) x D; *less_than_sought*: what firms
    that are served borrow less than their need, because the line is shorter or the price curbs demand. With *funded* they sum
    to the need exactly.

    Returns
    -------
    DataFrame: size_class, need, funded, less_than_sought, refused, not_asked, firms_wanting, borrowers
    """
    market = simulation.market
    cof = simulation.parameters["market.funding_cost"]
    credit = market.run(market.initial, Conditions(cof, cof))
    weight, need = market.initial.weight, market.initial.need
    served = credit["bank_served"] + credit["micro_served"]
    frame = pd.DataFrame(
        {
            "size_class": simulation.firms["size_class"].to_numpy(),
            "need": weight * market.wants * need,
            "funded": credit.mass * credit.loan,
            "less_than_sought": credit.mass * (served * need - credit.loan),
            "refused": credit.mass * (1 - served) * need,
            "not_asked": (weight * market.wants - credit.mass) * need,
            "firms_wanting": weight * market.wants,
            "borrowers": credit.mass * served,
        }
    )
    table = frame.groupby("size_class", observed=True).sum()
    return table.reindex([name for name in ("micro", "small", "medium") if name in table.index]).reset_index()


def firm_outcomes(simulation: Simulation) -> pd.DataFrame:
    """Each firm's outcome without policy in the first year: mass asking, rate paid, share served (probabilities 0..1)."""
    market = simulation.market
    cof = simulation.parameters["market.funding_cost"]
    credit = market.run(market.initial, Conditions(cof, cof))
    loan = credit["bank_loan"]
    rate = np.divide(credit["bank_interest"], loan, out=np.full(len(loan), np.nan), where=loan > 0)
    return pd.DataFrame(
        {
            "size_class": simulation.firms["size_class"].to_numpy(),
            "lending": credit.mass * loan,
            "rate": rate,
            "pd": 1 / (1 + np.exp(-market.quality)),
            "served": credit["bank_served"],
            "asking": credit.mass,
        }
    )
