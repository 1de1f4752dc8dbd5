"""Headlines are those of `impact`, read another way."""

import numpy as np
import pytest

from sme_analysis.firms import synthetic_firms
from sme_analysis.impact import (
    additionality,
    effects,
    gross_to_net,
    headline,
    value_for_money,
    who_gets_a_yuan,
)
from sme_analysis.impact.solvency import solvency
from sme_analysis.inference.headlines import (
    FUND,
    FUND_PATHS,
    HEADLINES,
    fund_risk,
    headlines,
    headlines_and_fund,
)
from sme_analysis.report.quantities import NUMERIC
from sme_analysis.scenario import load_scenario, scenario_names
from sme_analysis.simulation import simulate


def simulated(name, changes=(), **options):
    parameters = load_scenario(name).parameters.replace({"simulation.firms": 600, **dict(changes)})
    return simulate(synthetic_firms(parameters), parameters, **options)


def from_impact(simulation):
    first, value = headline(simulation).iloc[0], value_for_money(simulation)
    yuan = who_gets_a_yuan(simulation).set_index("party")["per_yuan"]
    sizes = effects(simulation, ["size_class"])
    of_year = sizes[sizes["year"] == simulation.labels[0]].set_index("size_class")["lending_change"]
    return {
        "additional_lending": first["additional_lending"],
        "additional_share": first["additional_share"],
        "new_borrowers": first["new_borrowers"],
        "micro_share": of_year["micro"] / of_year.sum() if of_year.sum() > 0 else np.nan,
        "rate_change": first["rate_change"],
        "unmet_need": first["unmet_need_change"],
        "default_change": first["pd_change"],
        "deadweight": additionality(simulation)["deadweight_share"].iloc[0],
        "loan_years": value["additional_loan_years"],
        "jobs": gross_to_net(simulation)["jobs"].iloc[0],
        "cost": value["cost"],
        "present_value": value["present_value"],
        "leverage": value["leverage"],
        "borrowers_per_yuan": yuan["borrowers"],
        "lenders_per_yuan": yuan["lenders"],
        "net_value_per_yuan": -yuan["less net value created"],
    }


@pytest.mark.parametrize("name", scenario_names())
def test_headlines_are_those_of_impact(name):
    simulation = simulated(name)
    found = headlines(simulation)
    assert list(found) == list(HEADLINES)
    assert found == pytest.approx(from_impact(simulation), rel=1e-9, abs=1e-9, nan_ok=True)


def test_in_a_year_as_it_comes_out_too_headlines_are_those_of_impact():
    simulation = simulated("haixi-2020", {"horizon.years": 3}, macro_path=(-2.0, 1.0, 0.0))
    assert headlines(simulation) == pytest.approx(from_impact(simulation), rel=1e-9, abs=1e-9, nan_ok=True)


def test_risk_of_the_fund_is_that_of_its_paths():
    simulation = simulated("thin-fund", {"simulation.firms": 300, "horizon.years": 2})
    found = solvency(simulation, paths=FUND_PATHS)
    risk = fund_risk(simulation)
    assert risk == {"shortfall": found.exhaustion, "stopped": found.stopped}
    assert 0 < found.exhaustion <= 1
    assert set(headlines_and_fund(simulation)) == set(HEADLINES) | set(FUND)


def test_no_policy_changes_nothing_and_leaves_out_what_would_divide_by_nothing():
    simulation = simulated("no-policy")
    found = headlines_and_fund(simulation)
    missing = {name for name, value in found.items() if np.isnan(value)}
    ratios = {"micro_share", "deadweight", "leverage", "shortfall", "stopped"}
    assert missing == ratios | {f"{party}_per_yuan" for party in ("borrowers", "lenders", "net_value")}
    assert all(value == 0 for name, value in found.items() if name not in missing)


def test_every_headline_has_a_label_and_a_known_unit():
    for known in (*HEADLINES.values(), *FUND.values()):
        assert known.label[0].isupper()
        assert known.unit in NUMERIC
