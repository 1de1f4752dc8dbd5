"""Why covered loans default more than others: who is covered, at what price, and how well they are watched."""

from __future__ import annotations

import pandas as pd

from sme_analysis.simulation import Simulation


def default_parts(simulation: Simulation) -> pd.DataFrame:
    """PD of covered loans less the PD of all loans without policy, by year, in parts that sum to it.

    *selection*: the PD of the covered firms at the rates and monitoring of uncovered loans, less the market's PD without policy.
    *price*: what the rate on covered loans changes (a lower rate is easier to bear). *moral hazard*: what weaker monitoring by
    lenders that bear less of the loss adds.

    Returns
    -------
    DataFrame: year, pd_without, selection, price, moral_hazard, pd_covered (NaN where nothing is covered)
    """
    table = simulation.table().set_index(["path", "year"])
    policy, plain = table.loc["policy"], table.loc["counterfactual"]
    covered = policy["covered_lending"].where(policy["covered_lending"] > 0)
    market = plain["defaults"] / plain["lending"]
    before = policy["covered_defaults_before"] / covered
    monitored = policy["covered_defaults_monitored"] / covered
    actual = policy["covered_defaults"] / covered
    return pd.DataFrame(
        {
            "pd_without": market,
            "selection": before - market,
            "price": monitored - before,
            "moral_hazard": actual - monitored,
            "pd_covered": actual,
        }
    ).reset_index()
