"""What the policy changed: lending, borrowers, rates, default and unmet need against the counterfactual."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sme_analysis.simulation import Simulation


def ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Rates and shares from additive totals: each a ratio of sums, never a mean of ratios.

    Returns
    -------
    DataFrame with `rate` (loan-weighted rate charged), `effective_rate` (net of subsidy), `pd` and `loss_rate` (of
    lending), `access` (borrowers / firms that want credit), `approval` (borrowers / firms that ask), `mean_loan`
    (CNY million), `unmet_need` (CNY million) and `unmet_share` (of need).
    """

    def over(a: pd.Series, b: pd.Series) -> pd.Series:
        return a.div(b.where(b > 0))

    return pd.DataFrame(
        {
            "rate": over(table["interest"], table["lending"]),
            "effective_rate": over(table["effective_interest"], table["lending"]),
            "pd": over(table["defaults"], table["lending"]),
            "loss_rate": over(table["losses"], table["lending"]),
            "access": over(table["borrowers"], table["firms_wanting"]),
            "approval": over(table["borrowers"], table["firms_asking"]),
            "mean_loan": over(table["lending"], table["borrowers"]),
            "unmet_need": table["need"] - table["lending"],
            "unmet_share": 1 - over(table["lending"], table["need"]),
        }
    )


def effects(simulation: Simulation, by: Sequence[str] = ()) -> pd.DataFrame:
    """Policy, counterfactual and their difference for every measure and ratio, one row a year (and group).

    Columns are `<measure>`, `<measure>_without` and `<measure>_change`; `year` and the dimensions of `by` are columns.
    Without a policy every change is exactly 0.
    """
    table = simulation.table(by)
    table = table.drop(columns=["borrowers_without", "lending_without"])
    full = pd.concat([table, ratios(table)], axis=1)
    keys = ["year", *by]
    with_, without = (
        full[full["path"] == path].drop(columns="path").set_index(keys)
        for path in ("policy", "counterfactual")
    )
    without = without.reindex(with_.index)
    change = with_ - without
    joined = pd.concat([with_, without.add_suffix("_without"), change.add_suffix("_change")], axis=1)
    return joined.reset_index()


def headline(simulation: Simulation) -> pd.DataFrame:
    """One row a year: the figures a decision-maker reads first."""
    e = effects(simulation).set_index("year")
    return pd.DataFrame(
        {
            "additional_lending": e["lending_change"],
            "lending_without": e["lending_without"],
            "additional_share": e["lending_change"] / e["lending_without"],
            "new_borrowers": e["borrowers_change"],
            "rate_change": e["rate_change"],
            "effective_rate_change": e["effective_rate_change"],
            "pd_change": e["pd_change"],
            "unmet_need_change": e["unmet_need_change"],
            "unmet_share_without": e["unmet_share_without"],
        }
    )


def same_results(one: Simulation, other: Simulation) -> bool:
    """Whether two simulations agree in every total of both paths and every public flow: a change had no effect.

    Agreement is to 1e-7 of each total: a year's unknowns are solved to 1e-9, and firms may be summed in another order.
    """
    if one.labels != other.labels or list(one.years[0].outcomes) != list(other.years[0].outcomes):
        return False

    def alike(a: object, b: object) -> bool:
        return bool(np.allclose(np.asarray(a), np.asarray(b), rtol=1e-7, atol=1e-7))

    if not all(
        alike(x.sum(axis=2), y.sum(axis=2))
        for x, y in ((one.policy, other.policy), (one.counterfactual, other.counterfactual))
    ):
        return False
    return all(
        alike(list(a.outcomes[name].lines.values()), list(b.outcomes[name].lines.values()))
        for a, b in zip(one.years, other.years, strict=True)
        for name in a.outcomes
    )
