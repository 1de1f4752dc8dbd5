"""Moments of the model beside direct counts, and the file of targets."""

import dataclasses

import numpy as np
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.firms import synthetic_firms
from sme_analysis.inference.moments import (
    COLUMNS,
    FUNDING_2020,
    MOMENTS,
    fit_table,
    load_targets,
    model_moments,
)
from sme_analysis.market.credit import Conditions, Market
from sme_analysis.scenario import load_scenario
from sme_analysis.scenario.figures import figure
from sme_analysis.simulation import simulate

HEADER = ",".join(COLUMNS)
ROW = "bank_rate,targeted,qh.incl_msme_rate.2025,0.0015,a province for a prefecture"


@pytest.fixture(scope="module")
def parameters():
    # Without a slope the cost of funds of the year is the scenario's own, as the moments take it.
    return load_scenario("no-policy").parameters.replace(
        {"simulation.firms": 600, "horizon.years": 1, "market.funding_slope": 0.0}
    )


@pytest.fixture(scope="module")
def found(parameters):
    return model_moments(parameters)


@pytest.fixture
def file(tmp_path):
    def write(*rows, header=HEADER):
        path = tmp_path / "targets.csv"
        path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
        return path

    return write


def problems(path):
    with pytest.raises(InputErrors) as caught:
        load_targets(path)
    return caught.value.problems


def test_there_is_a_target_for_every_moment_and_every_moment_is_finite(found):
    assert sorted(t.moment for t in load_targets()) == sorted(MOMENTS)
    assert list(found) == list(MOMENTS)
    assert all(np.isfinite(x) and x > 0 for x in found.values())


def test_moments_are_those_of_the_first_year_without_policy(parameters, found):
    simulation = simulate(synthetic_firms(parameters), parameters)
    table = simulation.table(["size_class"])
    table = table[table["path"] == "policy"].set_index("size_class")
    inclusive = table.drop(index="medium")[["lending", "borrowers", "firms_wanting", "firms_asking"]].sum()
    # banks and micro-lenders are not apart in the table: beside each other they are
    lending = found["bank_loans"] * (1 + found["micro_lender_share"])
    assert lending == pytest.approx(inclusive["lending"], rel=1e-9)
    assert found["bank_borrowers"] < inclusive["borrowers"]
    assert found["bank_borrowers"] / found["obtained"] == pytest.approx(inclusive["firms_wanting"], rel=1e-9)
    assert found["bank_borrowers"] / found["granted"] == pytest.approx(inclusive["firms_asking"], rel=1e-9)


def test_moments_of_banks_are_sums_over_their_loans(parameters, found):
    firms = synthetic_firms(parameters)
    market = Market(firms, parameters)
    credit = market.run(market.initial, Conditions(*[parameters["market.funding_cost"]] * 2))
    weight = credit.mass * (firms["size_class"] != "medium").to_numpy(dtype=float)
    loans = (credit["bank_loan"] * weight).sum()
    by_hand = {
        "bank_loans": loans,
        "mean_bank_loan": loans / (credit["bank_served"] * weight).sum(),
        "bank_rate": (credit["bank_interest"] * weight).sum() / loans,
        "bank_pd": (credit["bank_default"] * weight).sum() / loans,
        "medium_share": 1 - loans / (credit["bank_loan"] * credit.mass).sum(),
        "loss_given_default": (credit["bank_loss"] * weight).sum() / (credit["bank_default"] * weight).sum(),
    }
    assert {name: found[name] for name in by_hand} == pytest.approx(by_hand, rel=1e-9)


def test_what_needs_collateral_and_what_does_not_are_the_whole(found):
    assert found["needs_collateral"] + found["unsecured_share"] == pytest.approx(1)


def test_firms_with_nothing_to_pledge_need_no_collateral(parameters):
    firms = synthetic_firms(parameters).assign(collateral_ratio=0.0)
    assert model_moments(parameters, ["needs_collateral"], firms)["needs_collateral"] == pytest.approx(0)


def test_the_rate_of_2020_is_the_rate_at_the_cost_of_funds_of_2020(parameters, found):
    # above today's reference rate, which a scenario could not be
    then = {**parameters, "market.funding_cost": figure(FUNDING_2020).value}
    assert found["bank_rate_2020"] == pytest.approx(model_moments(then, ["bank_rate"])["bank_rate"])
    assert found["bank_rate_2020"] > found["bank_rate"]


def test_only_the_moments_asked_for_come_back(parameters, found):
    assert model_moments(parameters, ["granted", "bank_rate"]) == {
        "bank_rate": found["bank_rate"],
        "granted": found["granted"],
    }


def test_distances_are_in_standard_errors_on_the_moments_scale():
    targets = {t.moment: t for t in load_targets()}
    rate, loans = targets["bank_rate"], targets["bank_loans"]
    assert rate.distance(rate.value + 0.003) == pytest.approx(2)
    assert loans.distance(loans.value * np.exp(-0.303)) == pytest.approx(-1)


def test_the_fit_table_sets_each_moment_beside_its_figure(found):
    targets = load_targets()
    table = fit_table(found, targets).set_index("moment")
    assert list(table.index) == [t.moment for t in targets]
    rate, loans = table.loc["bank_rate"], table.loc["bank_loans"]
    assert rate["high"] - rate["published"] == pytest.approx(2 * 0.0015)
    assert loans["published"] / loans["low"] == pytest.approx(np.exp(2 * 0.303))
    assert loans["high"] / loans["published"] == pytest.approx(np.exp(2 * 0.303))
    for t in targets:
        row = table.loc[t.moment]
        assert (row["model"], row["published"]) == (found[t.moment], t.value)
        assert row["distance"] == pytest.approx(t.distance(found[t.moment]))
        assert (row["low"] <= row["model"] <= row["high"]) == (abs(row["distance"]) <= 2)
    assert (table["low"] >= 0).all()


def test_a_range_does_not_reach_below_zero(found):
    share = next(t for t in load_targets() if t.moment == "micro_lender_share")
    wide = dataclasses.replace(share, error=1.0)
    assert fit_table(found, [wide])["low"].item() == 0


def test_a_good_row_is_read(file):
    (target,) = load_targets(file(ROW))
    assert (target.moment, target.role, target.error) == ("bank_rate", "targeted", 0.0015)
    assert target.value == figure("qh.incl_msme_rate.2025").value


@pytest.mark.parametrize(
    ("old", "new", "where", "given", "hint"),
    [
        ("bank_rate,", "bank_rates,", "line 2, moment", "bank_rates", "bank_rate"),
        ("bank_rate,", ",", "line 2, moment", "nothing", ""),
        (",targeted", ",targetted", "line 2, role", "targetted", "targeted"),
        (".2025", ".2052", "line 2, figure", "qh.incl_msme_rate.2052", "no figure"),
        ("0.0015", "0.15pp", "line 2, standard_error", "0.15pp", ""),
        ("0.0015", "0", "line 2, standard_error", "0", ""),
        ("0.0015", "-1", "line 2, standard_error", "-1", ""),
        ("0.0015", "inf", "line 2, standard_error", "inf", ""),
        ("0.0015", "", "line 2, standard_error", "nothing", ""),
    ],
)
def test_a_bad_cell_is_named_with_its_line_and_the_nearest_right_thing(file, old, new, where, given, hint):
    (problem,) = problems(file(ROW.replace(old, new, 1)))
    assert problem.where.endswith(where)
    assert problem.given == given
    assert hint in (problem.hint or "")


def test_all_problems_are_reported_together(file):
    found = problems(file(ROW.replace("targeted", "x").replace("0.0015", "x"), ROW, ROW))
    assert [p.where.rpartition("line ")[2] for p in found] == ["2, role", "2, standard_error", "4, moment"]
    assert "second time" in found[-1].given


def test_a_broken_file_is_explained(file, tmp_path):
    assert problems(file(ROW, header="moment,role"))[0].allowed == ", ".join(COLUMNS)
    assert problems(file())[0].given == "no row"
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    assert problems(tmp_path / "empty.csv")[0].given == "nothing"
    assert "columns moment" in problems(tmp_path / "missing.csv")[0].allowed
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    assert "columns moment" in problems(tmp_path / "bytes.csv")[0].allowed


def test_a_row_with_other_cells_than_columns_is_refused(file):
    assert {p.where.rpartition(", ")[2] for p in problems(file("bank_rate,targeted"))} == {
        "figure",
        "standard_error",
    }
    (more,) = problems(file(f"{ROW}, November for a year"))
    assert more.where.endswith("line 2")
    assert "double quotes" in more.hint
