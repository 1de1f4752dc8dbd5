"""One calm year of an instrument that is open to every firm, and what it does to the firms that take it up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.impact.defaults import default_parts
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.market.credit import Conditions, Credit
from sme_analysis.scenario.parameters import Parameters
from sme_analysis.simulation import MEASURES, Simulation, simulate

Array = npt.NDArray[np.float64]

# One calm year without policy. Only what happens to the treated: lenders' cost of funds stays where it is, every firm knows of
# the programme, and all believe in it.
TREATED: Mapping[str, Any] = {
    **{f"{name}.active": False for name in INSTRUMENTS}, "stress.active": False, "horizon.years": 1,
    "horizon.start": "2027-01", "market.funding_slope": 0.0, "service_efficiency.awareness_without": 1.0,
    "policy_credibility.kept": 1.0,
}  # fmt: skip
GUARANTEE = {
    "loan_guarantee.active": True, "loan_guarantee.participation": 1.0, "loan_guarantee.individual_businesses": True,
    "loan_guarantee.national_share": 0.0, "loan_guarantee.province_share": 0.0, "loan_guarantee.premium_subsidy": 0.0,
    "loan_guarantee.admin_cost": 0.0, "loan_guarantee.capital": 10_000.0, "loan_guarantee.leverage": 20.0,
    "loan_guarantee.loan_cap": 100.0,
}  # fmt: skip
SUBSIDY = {
    "special_fund.active": True, "special_fund.participation": 1.0, "special_fund.individual_businesses": True,
    "special_fund.eligible_tags": [], "special_fund.priority_tags": [], "special_fund.budget": 2_000.0,
    "special_fund.grant_share": 0.0, "special_fund.subsidy_cap": 50.0, "special_fund.circular_extra": 0.0,
}  # fmt: skip


def guaranteed(
    parameters: Parameters,
    firms: pd.DataFrame,
    share: float,
    premium: float,
    changes: Mapping[str, Any] | None = None,
    like: Simulation | None = None,
) -> Simulation:
    """A year in which every firm may have `share` of the loss guaranteed for a premium of `premium` a year per unit lent.

    Guarantors have the capital for all who ask; `changes` are further parameters; `like` shares its counterfactual.
    """
    premiums = {"loan_guarantee.premium_floor": premium, "loan_guarantee.premium_cap": premium}
    settings = {**TREATED, **GUARANTEE, **premiums, "loan_guarantee.share": share, **(changes or {})}
    return simulate(firms, parameters.replace(settings), threads=1, like=like)


def subsidised(parameters: Parameters, firms: pd.DataFrame, rate: float) -> Simulation:
    """A year in which every firm has an interest subsidy of `rate`, a rate a year."""
    settings = {**TREATED, **SUBSIDY, "special_fund.interest_subsidy": rate}
    return simulate(firms, parameters.replace(settings), threads=1)


def totals(simulation: Simulation, **only: Iterable[str]) -> tuple[dict[str, float], dict[str, float]]:
    """Totals of the first year with the policy and without it, by measure; `only` names values of dimensions to keep.

    ``totals(simulation, size_class=["micro", "small"])``
    """
    here = np.ones(len(simulation.cells), dtype=bool)
    for dimension, names in only.items():
        here &= simulation.cells[dimension].isin(list(names)).to_numpy()
    with_, without = (
        dict(zip(MEASURES, path[0][:, here].sum(axis=1).tolist(), strict=True))
        for path in (simulation.policy, simulation.counterfactual)
    )
    return with_, without


def firm_by_firm(simulation: Simulation) -> tuple[Credit, Credit]:
    """Expected outcomes of each firm in the first year, with the policy and without it."""
    year, market = simulation.years[0], simulation.market
    plain = float(simulation.parameters["market.funding_cost"])
    with_ = market.run(year.state, Conditions(year.funding_cost, plain), year.levers)
    return with_, market.run(year.state, Conditions(plain, plain))


def over(a: float, b: float) -> float:
    """A ratio; NaN where there is nothing to relate it to."""
    return a / b if abs(b) > 1e-12 else float("nan")


def each(a: Array, b: Array) -> Array:
    """Ratios firm by firm; nought where there is nothing to relate to."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 1e-9)


def per_guarantee(simulation: Simulation) -> float:
    """Additional lending per unit of guarantee: change of all lending / (share guaranteed x guaranteed lending)."""
    with_, without = totals(simulation)
    share = float(simulation.parameters["loan_guarantee.share"])
    return over(with_["lending"] - without["lending"], share * with_["covered_lending"])


def among_borrowers(simulation: Simulation, bands: Iterable[str] = ()) -> tuple[float, float]:
    """Effect on the bank loan (relative) and the rate of firms that borrow from banks without the guarantee, too.

    For firm i with the loan L and rate r where served, s the share served without and c the share guaranteed with the policy:
    sum s (L1 - L0) / sum s c L0 and sum s L0 (r1 - r0) / sum s c L0, an instrumental-variable estimate with eligibility as the
    instrument. Firms that would get no loan without are not among those that a credit register shows before and after.
    """
    with_, without = firm_by_firm(simulation)
    s0, s1 = without["bank_served"], with_["bank_served"]
    loan0, loan1 = each(without["bank_loan"], s0), each(with_["bank_loan"], s1)
    rate0 = each(without["bank_interest"], without["bank_loan"])
    rate1 = each(with_["bank_interest"], with_["bank_loan"])
    covered = each(with_["covered_served"], s1 + with_["micro_served"])
    named = tuple(bands)
    weight = without.mass * s0 * (s1 > 1e-9)
    if named:
        weight = weight * simulation.cells["risk"].isin(named).to_numpy()[simulation.base.cells.code]
    treated = float((weight * covered * loan0).sum())
    return (
        over(float((weight * (loan1 - loan0)).sum()), treated),
        over(float((weight * loan0 * (rate1 - rate0)).sum()), treated),
    )


def default_of_guaranteed(simulation: Simulation) -> dict[str, float]:
    """The row of `default_parts`: what makes guaranteed loans default more than others."""
    row = default_parts(simulation).iloc[0]
    return {str(name): float(value) for name, value in row.items() if name != "year"}


def peak(x: Array, y: Array) -> float:
    """Where the parabola through the largest of `y` and its neighbours is highest; the end of `x` where the largest is there."""
    if not np.isfinite(y).any():
        return float("nan")
    k = int(np.nanargmax(y))
    if k in (0, len(x) - 1) or not np.isfinite(y[k - 1 : k + 2]).all():
        return float(x[k])
    bend = y[k - 1] - 2 * y[k] + y[k + 1]
    return float(x[k] + 0.5 * (x[k] - x[k - 1]) * (y[k - 1] - y[k + 1]) / bend) if bend < 0 else float(x[k])
