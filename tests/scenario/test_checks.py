"""Each rule between parameters holds for the defaults and fails where it should."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sme_analysis.scenario import checks, load_scenario

CASES: dict[Callable[..., list[checks.Clash]], dict[str, object]] = {
    checks.fail_if_lgd_floor_above_unsecured: {"market.lgd_floor": 0.6, "market.lgd_unsecured": 0.5},
    checks.fail_if_funding_cost_above_ceiling: {"market.funding_cost": 0.063},
    checks.fail_if_reference_rate_outside_the_market: {"market.reference_rate": 0.07},
    checks.fail_if_equity_earns_less_than_debt: {"market.return_on_equity": 0.0149},
    checks.fail_if_offer_threshold_leaves_the_unit_interval: {"firms.smallest_offer_spread": 0.3},
    checks.fail_if_exit_exceeds_one: {"firms.exit_default_slope": 0.97},
    checks.fail_if_subsidy_exceeds_the_interest: {"special_fund.interest_subsidy": 0.05},
    checks.fail_if_reguarantee_exceeds_the_guarantee: {"loan_guarantee.national_share": 0.7},
    checks.fail_if_premium_floor_above_cap: {"loan_insurance.premium_floor": 0.05},
    checks.fail_if_shock_lies_beyond_the_horizon: {"stress.active": True, "stress.first_year": 6},
    checks.fail_if_active_instrument_reaches_nobody: {"risk_compensation.eligible_sizes": ()},
}


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == set(checks.CHECKS)


def test_the_defaults_hold() -> None:
    assert checks.clashes(load_scenario("haixi-2020").parameters) == []


@pytest.mark.parametrize("check", CASES, ids=lambda check: check.__name__)
def test_a_rule_fails_where_it_should(check: Callable[..., list[checks.Clash]]) -> None:
    values = {**load_scenario("haixi-2020").parameters, **CASES[check]}
    found = check(values)
    assert len(found) == 1
    assert set(found[0].keys) & set(CASES[check])
    assert set(found[0].keys) <= set(values)


def test_both_lenders_are_checked() -> None:
    values = {
        **load_scenario("haixi-2020").parameters,
        "micro_lender.rate_ceiling": 0.05,
        "bank.rate_ceiling": 0.018,
    }
    assert len(checks.fail_if_funding_cost_above_ceiling(values)) == 2


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        (checks.fail_if_subsidy_exceeds_the_interest, {"special_fund.interest_subsidy": 0.05}),
        (checks.fail_if_active_instrument_reaches_nobody, {"special_fund.eligible_sizes": ()}),
        (checks.fail_if_reguarantee_exceeds_the_guarantee, {"loan_guarantee.national_share": 0.7}),
        (checks.fail_if_premium_floor_above_cap, {"loan_guarantee.premium_floor": 0.05}),
        (checks.fail_if_shock_lies_beyond_the_horizon, {"stress.first_year": 6}),
    ],
)
def test_rules_of_an_inactive_instrument_rest(
    check: Callable[..., list[checks.Clash]], changes: dict[str, object]
) -> None:
    off = {"special_fund.active": False, "loan_guarantee.active": False, "stress.active": False}
    values = {**load_scenario("haixi-2020").parameters, **changes, **off}
    assert check(values) == []
