"""The best use of a budget: within it, never worse with more, and right where the answer is known by hand."""

import numpy as np
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.impact import effects, incidence, value_for_money
from sme_analysis.inference.budget import (
    as_set,
    ask,
    best_mix,
    frontier,
    fund_risks,
    marginal,
    other_firms,
    read_budget,
    replay,
    robust,
    without,
)
from sme_analysis.inference.mix import COSTS, OBJECTIVES, cost_by_instrument, simulated
from sme_analysis.inference.search import answer
from sme_analysis.inference.space import default_space, read_space, switches
from sme_analysis.scenario import load_scenario

SMALL = {"simulation.firms": 400, "horizon.years": 2}
TWO = {"credit_incentive.annual_cap": ["0", "20m"], "special_fund.budget": ["0", "40m"]}
THREE = {**TWO, "risk_compensation.fund": ["0", "60m"], "risk_compensation.leverage": [5, 40]}


@pytest.fixture(scope="module")
def base():
    return load_scenario("haixi-2020").parameters.replace(SMALL)


@pytest.fixture(scope="module")
def question(base):
    return ask(base, "additional_loan_years", TWO)


@pytest.fixture(scope="module")
def mix(question):
    return answer(question, 15.0, evaluations=25, searches=2)


@pytest.fixture(scope="module")
def wide(base):
    return best_mix(base, "20m", space=THREE, evaluations=20, searches=1)


# what is asked ------------------------------------------------------------------------------------------------


def test_the_default_space_is_decided_and_starts_from_nothing(base):
    for setting in default_space():
        record = base.catalogue[setting.key]
        assert record.decision
        assert record.low <= setting.low < setting.high <= record.high


@pytest.mark.parametrize(
    ("key", "bounds", "said"),
    [
        ("special_fund.budgte", ["0", "1m"], "did you mean special_fund.budget"),
        ("special_fund.participation", ["0%", "50%"], "nobody decides on"),
        ("stress.macro_state", [-2, 0], "not an instrument's"),
        ("credit_incentive.reward", ["0%", "9%"], "nearest allowed is 5 %"),
        ("credit_incentive.reward", "2%", "a list of two values"),
        ("credit_incentive.reward", ["2%", "1%"], "a lowest value below the highest"),
    ],
)
def test_a_wrong_space_is_refused_with_the_nearest_right_thing(base, key, bounds, said):
    with pytest.raises(InputErrors) as caught:
        read_space({key: bounds}, base.catalogue)
    assert said in str(caught.value)


def test_every_mistake_is_named_at_once(base):
    with pytest.raises(InputErrors) as caught:
        ask(base, "aditional_loan_years", {"a.b": [0, 1], "special_fund.budget": ["0"]}, measure="public")
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize("budget", ["10%", "-5m", float("nan"), -1.0])
def test_a_wrong_budget_is_refused(budget):
    with pytest.raises(InputErrors):
        read_budget(budget)


def test_a_budget_is_read_as_a_user_writes_it():
    assert read_budget("150m") == read_budget(150) == 150.0


# what a trial says --------------------------------------------------------------------------------------------


def test_objectives_are_those_of_the_other_notebooks(question):
    s = question.worlds[0].like
    values = {name: objective.of(s) for name, objective in OBJECTIVES.items()}
    e = effects(s)
    assert values["additional_loan_years"] == pytest.approx(value_for_money(s)["additional_loan_years"])
    assert values["unmet_need"] == pytest.approx(-e["unmet_need_change"].sum())
    assert values["new_borrowers"] == pytest.approx(e["borrowers_change"].mean())
    micro = effects(s, ["size_class"]).query("size_class == 'micro'")
    assert values["micro_loan_years"] == pytest.approx(micro["lending_change"].sum())


def test_cost_is_the_public_cost_of_the_accounts(base):
    s = ask(base, "net_value").worlds[0].like
    plain = cost_by_instrument(s, "public_cost")
    assert sum(plain.values()) == pytest.approx(value_for_money(s)["present_value"])
    held = incidence(s).groupby("party")["change"].sum()
    assert held["province and nation"] < 0
    by = {measure: sum(cost_by_instrument(s, measure).values()) for measure in COSTS}
    assert by["public_cost"] < by["with_capital"] < by["all_levels"]


def test_the_cost_of_capital_is_what_idle_money_does_not_earn(base):
    p = base.replace({"risk_compensation.yield": base["horizon.social_discount_rate"] - 0.02})
    world = ask(p, "net_value").worlds[0]
    idle = {"risk_compensation.loss_share": 1e-9, "risk_compensation.guarantor_share": 0.0,
            "risk_compensation.fund": 100.0, "risk_compensation.appropriation": 0.0}  # fmt: skip
    cost = cost_by_instrument(simulated(world, {**idle, "loan_guarantee.share": 0.0}))["risk_compensation"]
    r, y = p["horizon.social_discount_rate"], p["risk_compensation.yield"]
    assert cost == pytest.approx(100 * (1 - ((1 + y) / (1 + r)) ** 2), rel=1e-6)


def test_without_intensity_an_instrument_is_switched_off(base):
    assert switches(base, {"special_fund.budget": 0.0}) == {"special_fund.active": False}
    assert switches(base, {"risk_compensation.fund": 0.0}) == {}  # there are appropriations
    assert switches(base, {"special_fund.budget": 1.0, "credit_incentive.reward": 0.0}) == {
        "credit_incentive.active": False
    }


# the answer ---------------------------------------------------------------------------------------------------


def test_no_money_is_no_policy_exactly(question):
    found = answer(question, 0.0)
    assert found.value == 0.0
    assert found.best.cost == 0.0
    assert not any(found.best.place)


def test_nothing_is_no_policy_where_a_setting_outside_the_space_would_keep_it_alive(base):
    space = {"risk_compensation.fund": ["0", "20m"]}  # the scenario also pays into the fund every year
    found = answer(ask(base, "new_borrowers", space), 0.0)
    assert (found.value, found.best.cost) == (0.0, 0.0)
    assert found.best.settings["risk_compensation.active"] is False


def test_a_budget_below_what_is_kept_is_refused(base):
    with pytest.raises(InputErrors, match="instruments kept cost"):
        best_mix(base, 0.1, space=TWO, keep=["service_efficiency"], evaluations=4, searches=1)


def test_the_budget_is_never_exceeded_and_nearly_used(mix):
    assert 0.9 * mix.budget < mix.best.cost <= mix.budget
    assert all(t.cost <= mix.budget for t in mix.searches)
    assert mix.best.value() >= 0.999 * max(t.value() for t in mix.searches)


def test_the_same_seed_gives_the_same_mix_whatever_the_workers(base):
    draws = [{"credit_incentive.pass_through": 0.0}, {"credit_incentive.pass_through": 0.5}]
    found = [
        best_mix(base, 10, space=TWO, draws=draws, evaluations=8, searches=2, workers=workers)
        for workers in (1, 2)
    ]
    assert found[0].best == found[1].best
    assert found[0].searches == found[1].searches


def test_a_coarse_grid_finds_nothing_better(question, mix):
    places = [(x, y) for x in np.linspace(0, 1, 6) for y in np.linspace(0, 1, 6)]
    trials = [question.ask(place) for place in places]
    allowed = [t.value() for t in trials if t.cost <= mix.budget]
    assert mix.value >= 0.99 * max(allowed)


def test_with_a_single_instrument_the_whole_budget_goes_there(base):
    found = best_mix(base, 12, space={"special_fund.budget": ["0", "40m"]}, evaluations=15, searches=1)
    assert found.best.cost == pytest.approx(12, rel=0.02)
    assert list(found.best.by_instrument) == ["special_fund"]


def test_more_money_never_serves_worse(mix):
    points = frontier(mix, [3, 8, 30], evaluations=8)
    values, budgets = [p.value for p in points], [p.budget for p in points]
    assert values == sorted(values)
    assert budgets == sorted(budgets)
    assert all(p.best.cost <= p.budget for p in points)
    assert next(p for p in points if p.budget == mix.budget).value >= 0.999 * mix.value


def test_ruling_an_instrument_out_leaves_less(mix):
    fewer = without(mix, "credit_incentive", evaluations=8, searches=1)
    assert fewer.best.settings["credit_incentive.active"] is False
    assert fewer.value <= mix.value
    assert fewer.best.cost <= mix.budget


def test_marginal_yields_are_those_of_a_larger_budget(mix):
    table = marginal(mix).set_index("instrument")
    assert set(table.index) == {"credit_incentive", "special_fund"}
    assert table["next"].max() > 0
    assert (table["cost"] >= 0).all()


def test_settings_say_what_the_search_pins_down(mix):
    table = mix.settings()
    assert (table["least"] <= table["value"] + 1e-12).all()
    assert (table["value"] <= table["most"] + 1e-12).all()
    assert 0 <= mix.search_error < 1


def test_the_scenario_as_it_is_set_is_a_trial_like_any_other(question, base):
    found = as_set(question, base)
    assert found.settings["special_fund.budget"] == base["special_fund.budget"]
    assert found.value() == pytest.approx(question.objective.of(question.worlds[0].like), rel=1e-6)


# risk and what is not known -----------------------------------------------------------------------------------


def test_less_money_behind_the_same_promise_is_riskier(wide):
    opened = (
        wide
        if "risk_compensation" in wide.best.by_instrument
        else without(wide, "credit_incentive", evaluations=8)
    )
    table = fund_risks(opened, [1.0, 0.2, 0.05], paths=200)
    if len(table):
        assert table["short"].is_monotonic_increasing


def test_a_limit_on_fund_risk_is_kept(base):
    space = {"risk_compensation.fund": ["0", "20m"], "risk_compensation.leverage": [5, 100]}
    changed = base.replace({"risk_compensation.appropriation": 0.0})
    free = best_mix(changed, 5, space=space, evaluations=15, searches=1)
    safe = best_mix(changed, 5, space=space, evaluations=15, searches=1, fund_risk_limit=0.01)
    assert safe.best.risk <= 0.01
    assert safe.value <= free.value * (1 + 0.02)


def test_the_robust_mix_meets_the_budget_on_average(mix, base):
    found = robust(mix, base, [{"firms.mean_pd.micro": 0.02}, {"firms.mean_pd.micro": 0.03}], evaluations=6)
    assert found.best.cost <= mix.budget
    assert len(found.best.costs) == 2
    assert found.best.values[0] != found.best.values[1]


def test_mixes_are_replayed_where_the_search_did_not_look(mix, base):
    table = replay(
        {"best": mix.best, "nothing": mix.nothing}, mix.question, other_firms(mix.question, base, 2, 1)
    )
    assert len(table) == 4
    assert (table.query("mix == 'nothing'")["value"] == 0).all()
    assert (table.query("mix == 'best'")["value"] != mix.value).all()
