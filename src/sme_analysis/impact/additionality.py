"""How much of the lending under a programme is additional, and what the rest is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sme_analysis.market.credit import chunked_sum
from sme_analysis.simulation import Simulation


def additionality(simulation: Simulation) -> pd.DataFrame:
    """Additional lending split into what it is made of, by year (CNY million).

    additional = programme lending - deadweight + change outside the programmes + growth of firms

    *deadweight*: what the enrolled firms would have borrowed on the counterfactual terms; *outside*: change of lending to firms
    and loans not enrolled (negative: displacement, through the cost of funds; positive: market-wide rewards); *growth*:
    lending on counterfactual terms to the firms of the policy path, larger or more numerous by then and with less need where
    receivables have been paid (article 25), less that of the counterfactual path. The four sum to the additional lending exactly.

    Returns
    -------
    DataFrame: year, additional, programme_lending, deadweight, outside, growth, deadweight_share, displacement_share,
    additionality (additional / programme lending; NaN where no lending is enrolled)
    """
    table = simulation.table().set_index(["path", "year"])
    policy, plain = table.loc["policy"], table.loc["counterfactual"]
    additional = policy["lending"] - plain["lending"]
    programme, deadweight = policy["programme_lending"], policy["deadweight"]
    outside = (policy["lending"] - programme) - (policy["lending_without"] - deadweight)
    growth = policy["lending_without"] - plain["lending"]
    base = programme.where(programme > 0)
    return pd.DataFrame(
        {
            "additional": additional,
            "programme_lending": programme,
            "deadweight": deadweight,
            "outside": outside,
            "growth": growth,
            "deadweight_share": deadweight / base,
            "displacement_share": -outside / base,
            "additionality": additional / base,
        }
    ).reset_index()


def programme_table(simulation: Simulation) -> pd.DataFrame:
    """Lending under each programme, its deadweight and the remainder, by year (CNY million).

    The remainder is what enrolled firms borrow beyond the counterfactual; it is before displacement of others.
    """
    rows = []
    for year in simulation.years:
        mass = year.state.weight * year.asks
        for name, outcome in year.outcomes.items():
            if outcome.loan is None or outcome.deadweight is None:
                continue
            lending, deadweight = chunked_sum(outcome.loan * mass), chunked_sum(outcome.deadweight * mass)
            rows.append(
                {
                    "year": year.label,
                    "programme": name,
                    "lending": lending,
                    "deadweight": deadweight,
                    "beyond": lending - deadweight,
                    "deadweight_share": deadweight / lending if lending > 0 else np.nan,
                }
            )
    return pd.DataFrame(
        rows, columns=["year", "programme", "lending", "deadweight", "beyond", "deadweight_share"]
    )
