"""The performance targets of the budget file: what the model gives, what a scenario sets, what is left to the bureau."""

from dataclasses import replace

import numpy as np
import pytest

from sme_analysis.impact import additionality, assess, cost_table, effects, headline, value_for_money
from sme_analysis.impact.assess import Assessment
from sme_analysis.impact.performance_targets import BUREAU, COLUMNS, performance_targets
from sme_analysis.report.budget_file import UNITS
from sme_analysis.scenario import load_scenario

SMALL = {"simulation.firms": 500, "simulation.fund_paths": 2000, "horizon.years": 3}
HALF = {"horizon.start": "2027-07"}


@pytest.fixture(scope="module")
def base():
    return load_scenario("haixi-2020").parameters.replace(SMALL)


@pytest.fixture(scope="module")
def assessed(base):
    return assess(base)


@pytest.fixture(scope="module")
def table(assessed):
    return performance_targets(assessed)


def of(table, year, indicator):
    """The one row of a year whose indicator begins so."""
    rows = table[(table["year"] == year) & table["indicator"].str.startswith(indicator)]
    assert len(rows) == 1, list(table["indicator"])
    return rows.iloc[0]


def value(table, year, indicator):
    return of(table, year, indicator)["value"]


def test_the_form_has_its_levels_in_order_for_the_year_and_the_horizon(table):
    assert list(table.columns) == list(COLUMNS)
    assert list(dict.fromkeys(table["year"])) == ["2027", "2027–2029"]
    for _, part in table.groupby("year"):
        levels = list(dict.fromkeys(zip(part["level_1_zh"], part["level_2_zh"], strict=True)))
        assert levels == [
            ("成本指标", "经济成本指标"), ("产出指标", "数量指标"), ("产出指标", "质量指标"), ("产出指标", "时效指标"),
            ("效益指标", "经济效益指标"), ("效益指标", "社会效益指标"), ("效益指标", "可持续影响指标"),
            ("满意度指标", "服务对象满意度指标"),
        ]  # fmt: skip
        assert part["indicator"].is_unique
        assert part["indicator_zh"].is_unique


def test_every_unit_can_be_written_and_every_row_rests_on_parameters(table, base):
    assert set(table["unit"]) <= set(UNITS)
    assert set(table["direction"]) == {">=", "<="}
    for keys in table["rests_on"].str.split(", "):
        assert all(key in base or base.group(key) for key in keys)
    assert table["articles"].ne("").all()


def test_targets_of_the_year_and_the_horizon_are_those_of_the_model(table, assessed):
    s = assessed.simulation
    first, change = headline(s).iloc[0], effects(s)
    assert value(table, "2027", "Additional lending (") == pytest.approx(first["additional_lending"])
    assert value(table, "2027", "New borrowers") == pytest.approx(first["new_borrowers"])
    assert value(table, "2027", "Fall in the rate") == pytest.approx(-first["effective_rate_change"])
    assert value(table, "2027–2029", "New borrowers") == pytest.approx(change["borrowers_change"].mean())
    found = value(table, "2027–2029", "Net public cost")
    assert found == pytest.approx(value_for_money(s)["cost_per_additional"])
    cost = cost_table(s)["total"].iloc[0] / first["additional_lending"]
    assert value(table, "2027", "Net public cost") == pytest.approx(cost)
    share = value(table, "2027", "Additional share")
    assert share == pytest.approx(1 - additionality(s)["deadweight_share"].iloc[0])


def test_outlay_is_what_leaves_the_budget(table, assessed, base):
    for year in ("2027", "2027–2029"):
        parts = table[(table["year"] == year) & table["indicator"].str.startswith("Budget outlay")]
        assert parts["value"].iloc[0] == pytest.approx(parts["value"].iloc[1:].sum())
    fund, paid = base["risk_compensation.fund"], base["risk_compensation.appropriation"]
    assert value(table, "2027", "Budget outlay: risk") == fund + paid
    assert value(table, "2027–2029", "Budget outlay: risk") == fund + 3 * paid
    spent = assessed.simulation.years[0].outcomes["special_fund"].lines
    assert value(table, "2027", "Budget outlay: special") == pytest.approx(sum(spent.values()))


def test_limits_of_the_scenario_stand_beside_what_the_model_expects(table, assessed, base):
    default = of(table, "2027", "Default rate of covered")
    facts = assessed.simulation.years[0].outcomes["risk_compensation"].facts
    assert default["value"] == base["risk_compensation.stop_rate"]
    assert default["expected"] == pytest.approx(facts["covered default rate"])
    assert (default["basis"], default["direction"]) == ("scenario", "<=")
    exhausted = of(table, "2027–2029", "Probability of an exhausted")
    assert exhausted["value"] == base["risk_compensation.target_exhaustion"]
    assert exhausted["expected"] == assessed.solvency.exhaustion
    assert exhausted["rests_on"] == "risk_compensation.target_exhaustion"


def test_what_the_model_does_not_give_is_left_to_the_bureau(table):
    left = table[table["basis"].str.startswith(BUREAU[0])]
    assert left["value"].isna().all()
    assert set(left["level_2"]) == {"timeliness", "served firms"}
    assert not table.loc[~table.index.isin(left.index), "value"].isna().any()
    assert "80 to 90 %" in of(table, "2027", "Satisfaction")["basis"]
    assert of(table, "2027", "Days from a claim")["rests_on"] == "risk_compensation"


def test_an_instrument_that_is_not_active_has_no_row(base):
    only = {f"{key.partition('.')[0]}.active": False for key in base if key.endswith(".active")}
    plain = performance_targets(assess(base.replace({**only, "special_fund.active": True})))
    assert set(plain["rests_on"]) == {"special_fund"}
    assert not plain["indicator"].str.contains("covered|fund is|claim", case=False).any()
    assert {"Subsidised firms", "Subsidised lending"} <= set(plain["indicator"].str.partition(":")[0])
    nothing = performance_targets(assess(base.replace(only)))
    assert nothing.empty
    assert list(nothing.columns) == list(COLUMNS)


def test_a_policy_that_starts_in_july_is_held_to_its_first_full_year(base):
    half = assess(base.replace(HALF))
    table = performance_targets(half)
    assert list(dict.fromkeys(table["year"])) == ["2028", "2027–2029"]
    change = effects(half.simulation)["borrowers_change"]
    assert value(table, "2028", "New borrowers") == pytest.approx(change.iloc[1])
    assert value(table, "2027–2029", "New borrowers") == pytest.approx(change.iloc[1:].mean())
    outlay = value(table, "2027–2029", "Budget outlay: risk")
    assert outlay == base["risk_compensation.fund"] + 2.5 * base["risk_compensation.appropriation"]


def test_a_single_year_is_named_once_also_where_it_is_no_full_one(base):
    for start in ({}, HALF):
        table = performance_targets(assess(base.replace({**start, "horizon.years": 1})))
        assert set(table["year"]) == {"2027"}
        assert table["indicator"].is_unique
        assert np.isfinite(value(table, "2027", "New borrowers"))


def test_facts_that_are_absent_or_new_are_no_obstacle(assessed, table):
    def renamed(outcome):
        keep = {"appropriation": outcome.facts.get("appropriation", 0.0)} if outcome.facts else {}
        return replace(outcome, facts={**keep, "watered lending": 4.0, "watered firms": 3.0})

    years = tuple(
        replace(year, outcomes={name: renamed(outcome) for name, outcome in year.outcomes.items()})
        for year in assessed.simulation.years
    )
    changed = Assessment(assessed.parameters, replace(assessed.simulation, years=years))
    changed.__dict__["solvency"] = assessed.solvency  # reads facts of its own
    other = performance_targets(changed)
    row = of(other, "2027", "Watered firms: risk")
    assert (row["value"], row["unit"], row["indicator_zh"][:8]) == (3.0, "count", "贷款风险补偿资金")
    assert np.isnan(of(other, "2027", "Default rate of covered")["expected"])
    assert value(other, "2027", "Additional lending (") == value(table, "2027", "Additional lending (")


def test_no_target_is_made_of_a_loss(assessed, base):
    simulation = assessed.simulation
    swapped = replace(simulation, policy=simulation.counterfactual, counterfactual=simulation.policy)
    table = performance_targets(Assessment(base, swapped))
    row = of(table, "2027", "Additional lending (")
    assert row["expected"] < 0
    assert np.isnan(row["value"])
    assert row["basis"] == f"{BUREAU[0]}; the model expects none"
