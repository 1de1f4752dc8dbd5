"""The figures a decision rests on, read from a simulation's totals quickly enough for thousands of draws.

Each is defined in `impact`; a test holds the two to each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sme_analysis.impact.public_cost import discount_factors
from sme_analysis.impact.solvency import solvency
from sme_analysis.simulation import MEASURES, Simulation

FUND_PATHS = 1000  # of a draw: its own error, 1.6 pp at most, averages out over the draws
_ROW = {name: k for k, name in enumerate(MEASURES)}


@dataclass(frozen=True)
class Headline:
    """What a headline is, and its unit for tables."""

    label: str
    unit: str


HEADLINES: Mapping[str, Headline] = {
    "additional_lending": Headline("Additional lending in the first year", "change_money"),
    "additional_share": Headline("Relative to lending without policy", "change_share"),
    "new_borrowers": Headline("New borrowers in the first year", "change_count"),
    "micro_share": Headline("Of the additional lending: to micro firms", "share"),
    "rate_change": Headline("Change of the mean lending rate, first year", "change_rate"),
    "unmet_need": Headline("Change of unmet need in the first year", "change_money"),
    "default_change": Headline("Change of the default rate, first year", "change_share"),
    "deadweight": Headline("Lending under the programmes that would happen anyway", "share"),
    "loan_years": Headline("Additional lending over the years", "change_money"),
    "jobs": Headline("Net jobs in the first year", "change_count"),
    "cost": Headline("Public cost over the years", "money"),
    "present_value": Headline("Present value of public cost", "money"),
    "leverage": Headline("Additional lending per yuan of cost", "number"),
    "borrowers_per_yuan": Headline("Gain of borrowers per yuan of cost", "number"),
    "lenders_per_yuan": Headline("Gain of lenders per yuan of cost", "number"),
    "net_value_per_yuan": Headline("Net value created per yuan of cost", "number"),
}
FUND: Mapping[str, Headline] = {
    "shortfall": Headline("Probability that the fund falls short", "share"),
    "stopped": Headline("Probability that the stop rule closes cover", "share"),
}


def headlines(simulation: Simulation) -> dict[str, float]:
    """`HEADLINES` of a simulation; NaN where there is nothing to divide by (no cost, no lending under a programme)."""
    policy, plain = simulation.policy.sum(axis=2), simulation.counterfactual.sum(axis=2)  # (years, measures)
    change = policy - plain
    first, first_plain = policy[0], plain[0]

    def of(row: np.ndarray, name: str) -> float:
        return float(row[_ROW[name]])

    def ratio(row: np.ndarray, above: str, below: str = "lending") -> float:
        return _over(of(row, above), of(row, below))

    micro = (simulation.cells["size_class"] == "micro").to_numpy()
    to_micro = (simulation.policy - simulation.counterfactual)[0, _ROW["lending"], micro].sum()
    additional = of(change[0], "lending")
    costs = [sum(sum(o.lines.values()) for o in year.outcomes.values()) for year in simulation.years]
    cost = float(sum(costs))
    p = simulation.parameters
    replaced = sum(
        o.facts.get("credit replaced by receivables", 0.0) for o in simulation.years[0].outcomes.values()
    )
    added = (
        p["real_effects.value_added"]
        * (1 - p["real_effects.leakage"])
        * (1 - p["real_effects.product_displacement"])
    )
    gains = _gains(simulation, change)
    return {
        "additional_lending": additional,
        "additional_share": additional / of(first_plain, "lending"),
        "new_borrowers": of(change[0], "borrowers"),
        "micro_share": _over(float(to_micro), additional),
        "rate_change": ratio(first, "interest") - ratio(first_plain, "interest"),
        "unmet_need": of(change[0], "need") - additional,
        "default_change": ratio(first, "defaults") - ratio(first_plain, "defaults"),
        "deadweight": ratio(first, "deadweight", "programme_lending"),
        "loan_years": float(change[:, _ROW["lending"]].sum()),
        "jobs": added * (additional + replaced) / p["real_effects.output_per_worker"],
        "cost": cost,
        "present_value": float(np.dot(costs, discount_factors(simulation).to_numpy())),
        "leverage": _over(float(change[:, _ROW["lending"]].sum()), cost),
        **{f"{name}_per_yuan": _over(gain, cost) for name, gain in gains.items()},
    }


def fund_risk(simulation: Simulation) -> dict[str, float]:
    """`FUND` of a simulation: probabilities over the fund's paths; NaN where no compensation fund is active."""
    found = solvency(simulation, paths=FUND_PATHS)
    if found is None:
        return dict.fromkeys(FUND, float("nan"))
    return {"shortfall": found.exhaustion, "stopped": found.stopped}


def headlines_and_fund(simulation: Simulation) -> dict[str, float]:
    """Both: several times as slow, because the year's cover is worked out for many states of the fund."""
    return headlines(simulation) | fund_risk(simulation)


def _gains(simulation: Simulation, change: np.ndarray) -> dict[str, float]:
    """Gains over the years of borrowers, of lenders, and net value, CNY million, as `impact.incidence` accounts for them."""
    total = dict(zip(MEASURES, change.sum(axis=0).tolist(), strict=True))
    transfers = [x for year in simulation.years for o in year.outcomes.values() for x in o.transfers]

    def net(party: str) -> float:
        return sum(x.amount for x in transfers if x.receiver == party) - sum(
            x.amount for x in transfers if x.payer == party
        )

    surprise = sum(
        sign * year.realised[f"{name}{suffix}"]
        for year in simulation.years
        for sign, suffix in ((1, ""), (-1, "_without"))
        for name in ("losses", "unpaid")
    )
    costs = (
        total["interest"]
        - total["unpaid_interest"]
        - (total["losses"] - total["relief"])
        - total["fees"]
        - total["lender_surplus"]
    )
    lost = total["unpaid_interest"] + total["losses"] + surprise
    return {
        "borrowers": total["value"] - total["interest"] - total["paperwork"] + net("borrowers"),
        "lenders": total["interest"] - lost - costs + net("lenders"),
        "net_value": total["value"]
        - net("value")
        - (costs + total["paperwork"] + net("resources"))
        - (lost + net("lost")),
    }


def _over(a: float, b: float) -> float:
    return a / b if b > 0 else float("nan")
