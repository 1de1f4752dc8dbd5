"""What must hold between parameters, each rule a function of its own.

A rule returns its clashes and looks at values in inner units. Rules that concern an instrument apply while
it is active.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sme_analysis.scenario.units import show

Values = Mapping[str, Any]


class Clash(NamedTuple):
    """Parameters that cannot hold together: their keys, what they are, what is expected, what to do."""

    keys: tuple[str, ...]
    given: str
    allowed: str
    hint: str | None = None


def fail_if_lgd_floor_above_unsecured(values: Values) -> list[Clash]:
    """Require room between the loss given default without collateral and its floor."""
    floor, unsecured = values["market.lgd_floor"], values["market.lgd_unsecured"]
    if floor < unsecured:
        return []
    return [
        Clash(
            ("market.lgd_floor", "market.lgd_unsecured"),
            f"a floor of {show(floor, 'share')} and an unsecured loss of {show(unsecured, 'share')}",
            "a floor below the loss on an unsecured loan",
        )
    ]


def fail_if_funding_cost_above_ceiling(values: Values) -> list[Clash]:
    """Require that each lender may charge more than a riskless loan costs it; else it never lends."""
    clashes = []
    for lender in ("bank", "micro_lender"):
        parts = ["market.funding_cost", f"{lender}.operating_cost", f"{lender}.margin"]
        if lender == "micro_lender":
            parts.append("micro_lender.funding_premium")
        cost, ceiling = sum(values[part] for part in parts), values[f"{lender}.rate_ceiling"]
        if cost >= ceiling:
            clashes.append(
                Clash(
                    (f"{lender}.rate_ceiling", *parts),
                    f"costs of {show(cost, 'rate')} under a ceiling of {show(ceiling, 'rate')}",
                    f"{' + '.join(parts)} below {lender}.rate_ceiling, or no loan is ever made",
                )
            )
    return clashes


def fail_if_reference_rate_outside_the_market(values: Values) -> list[Clash]:
    """Require a reference rate that banks can charge, since PDs and demand are stated at it."""
    cost, rate, ceiling = (
        values[key] for key in ("market.funding_cost", "market.reference_rate", "bank.rate_ceiling")
    )
    if cost < rate <= ceiling:
        return []
    return [
        Clash(
            ("market.reference_rate", "market.funding_cost", "bank.rate_ceiling"),
            f"a reference rate of {show(rate, 'rate')}",
            f"above the cost of funds, {show(cost, 'rate')}, to the banks' ceiling, {show(ceiling, 'rate')}",
        )
    ]


def fail_if_equity_earns_less_than_debt(values: Values) -> list[Clash]:
    """Require a capital charge, the return on equity above the cost of funds, of at least nothing."""
    equity, cost = values["market.return_on_equity"], values["market.funding_cost"]
    if equity >= cost:
        return []
    return [
        Clash(
            ("market.return_on_equity", "market.funding_cost"),
            f"a return on equity of {show(equity, 'rate')}",
            f"at least the cost of funds, {show(cost, 'rate')}",
        )
    ]


def fail_if_offer_threshold_leaves_the_unit_interval(values: Values) -> list[Clash]:
    """Require thresholds (smallest_offer minus to plus its spread) that are shares of the need."""
    middle, spread = values["firms.smallest_offer"], values["firms.smallest_offer_spread"]
    if middle - spread >= 0 and middle + spread <= 1:
        return []
    return [
        Clash(
            ("firms.smallest_offer_spread", "firms.smallest_offer"),
            f"thresholds from {show(middle - spread, 'share')} to {show(middle + spread, 'share')}",
            "thresholds between 0 % and 100 % of the need",
            f"the widest spread here is {show(min(middle, 1 - middle), 'share')}",
        )
    ]


def fail_if_exit_exceeds_one(values: Values) -> list[Clash]:
    """Require a probability of exit of at most one for a firm that is sure to default."""
    base, slope = values["firms.exit_base"], values["firms.exit_default_slope"]
    if base + slope <= 1:
        return []
    return [
        Clash(
            ("firms.exit_default_slope", "firms.exit_base"),
            f"a probability of exit of up to {show(base + slope, 'share')}",
            "firms.exit_base + firms.exit_default_slope of at most 100 %",
        )
    ]


def fail_if_subsidy_exceeds_the_interest(values: Values) -> list[Clash]:
    """Refuse an interest subsidy above the reference rate, which would pay firms for borrowing."""
    subsidy = values["special_fund.interest_subsidy"] + values["special_fund.circular_extra"]
    rate = values["market.reference_rate"]
    if not values["special_fund.active"] or subsidy <= rate:
        return []
    return [
        Clash(
            ("special_fund.interest_subsidy", "special_fund.circular_extra", "market.reference_rate"),
            f"a subsidy of {show(subsidy, 'rate')}",
            f"at most the reference rate, {show(rate, 'rate')}",
        )
    ]


def fail_if_reguarantee_exceeds_the_guarantee(values: Values) -> list[Clash]:
    """Require that re-guarantors bear no more of a loss than is guaranteed."""
    parts = values["loan_guarantee.national_share"] + values["loan_guarantee.province_share"]
    share = values["loan_guarantee.share"]
    if not values["loan_guarantee.active"] or parts <= share + 1e-12:
        return []
    return [
        Clash(
            ("loan_guarantee.national_share", "loan_guarantee.province_share", "loan_guarantee.share"),
            f"re-guarantee of {show(parts, 'share')} of a loss",
            f"at most the share guaranteed, {show(share, 'share')}",
        )
    ]


def fail_if_premium_floor_above_cap(values: Values) -> list[Clash]:
    """Require that the regulated floor of a premium is not above its cap."""
    return [
        Clash(
            (f"{name}.premium_floor", f"{name}.premium_cap"),
            f"a floor of {show(values[f'{name}.premium_floor'], 'rate')}",
            f"at most the cap, {show(values[f'{name}.premium_cap'], 'rate')}",
        )
        for name in ("loan_guarantee", "loan_insurance")
        if values[f"{name}.active"] and values[f"{name}.premium_floor"] > values[f"{name}.premium_cap"]
    ]


def fail_if_shock_lies_beyond_the_horizon(values: Values) -> list[Clash]:
    """Require that a shock begins within the years that are simulated."""
    first, years = values["stress.first_year"], values["horizon.years"]
    if not values["stress.active"] or first <= years:
        return []
    return [
        Clash(
            ("stress.first_year", "horizon.years"),
            f"a shock from year {show(first, 'count')} of a horizon of {show(years, 'count')} years",
            "a first year within the horizon",
        )
    ]


def fail_if_active_instrument_reaches_nobody(values: Values) -> list[Clash]:
    """Refuse an active instrument without an eligible size class: `active: false` says it plainly."""
    instruments = [key.partition(".")[0] for key in values if key.endswith(".eligible_sizes")]
    return [
        Clash(
            (f"{name}.eligible_sizes", f"{name}.active"),
            "an active instrument for which no size class is eligible",
            "at least one size class",
            f"to switch it off write {name}.active: false",
        )
        for name in instruments
        if values[f"{name}.active"] and not values[f"{name}.eligible_sizes"]
    ]


CHECKS: tuple[Callable[[Values], list[Clash]], ...] = (
    fail_if_lgd_floor_above_unsecured,
    fail_if_funding_cost_above_ceiling,
    fail_if_reference_rate_outside_the_market,
    fail_if_equity_earns_less_than_debt,
    fail_if_offer_threshold_leaves_the_unit_interval,
    fail_if_exit_exceeds_one,
    fail_if_subsidy_exceeds_the_interest,
    fail_if_reguarantee_exceeds_the_guarantee,
    fail_if_premium_floor_above_cap,
    fail_if_shock_lies_beyond_the_horizon,
    fail_if_active_instrument_reaches_nobody,
)


def clashes(values: Values) -> list[Clash]:
    """Return what every rule finds.

    Parameters
    ----------
    values : mapping of str to value
        All parameters, in inner units.

    Returns
    -------
    list of Clash
        Empty if all rules hold.
    """
    return [clash for check in CHECKS for clash in check(values)]
