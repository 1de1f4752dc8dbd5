from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.evaluation import Columns, Panel, Staggered, estimate, make_panel
from tests.evaluation.conftest import SIMPLE, read, simple_panel

CELLS = [(g, t) for g in (2004, 2006, 2007) for t in (2004, 2005, 2006, 2007)]
Published = Callable[[str, str], tuple[float, float]]


@pytest.mark.parametrize(("g", "t"), CELLS)
def test_effects_by_cohort_and_period(mpdta: Panel, published: Published, g: int, t: int) -> None:
    """R did::att_gt, reference output of the authors' package on mpdta."""
    value, tolerance = published("mpdta", f"ATT({g},{t})")
    cells = estimate(mpdta, Staggered()).data["cells"].set_index(["cohort", "time"])
    assert cells.loc[(g, t), "estimate"] == pytest.approx(value, abs=tolerance)


@pytest.mark.parametrize("average", ["simple", "dynamic", "group", "calendar"])
@pytest.mark.parametrize(("controls", "scenario"), [("never", "mpdta_nev_dr"), ("not yet", "mpdta_nyt_dr")])
def test_averages_with_their_errors(mpdta: Panel, average: str, controls: str, scenario: str) -> None:
    """R did::aggte, reference output: overall and by term, estimates and standard errors."""
    reference = read("mpdta/r_did_reference_aggte.csv")
    rows = reference[(reference["scenario"] == scenario) & (reference["type"] == average)]
    found = estimate(mpdta, Staggered(average=average, controls=controls))
    assert found.estimate == pytest.approx(rows["overall_att"].iloc[0], abs=1e-8)
    assert found.standard_error == pytest.approx(rows["overall_se"].iloc[0], abs=1e-8)
    if average != "simple":
        assert found.table["term"].tolist() == rows["egt"].tolist()
        assert np.allclose(found.table["estimate"], rows["att_egt"], atol=1e-8)
        assert np.allclose(found.table["standard_error"], rows["se_egt"], atol=1e-8)


@pytest.mark.parametrize(
    ("average", "name"), [("simple", "simple"), ("dynamic", "dynamic overall"), ("group", "group overall")]
)
def test_published_averages(mpdta: Panel, published: Published, average: str, name: str) -> None:
    value, tolerance = published("mpdta", name)
    assert estimate(mpdta, Staggered(average=average)).estimate == pytest.approx(value, abs=tolerance)


def test_covariates_enter_doubly_robust(mpdta: Panel) -> None:
    """Callaway and Sant'Anna (2021), table 3: with log population, group average -.0329 to -.033 and dynamic -.08."""
    data = read("mpdta/mpdta.csv")
    panel = make_panel(data, Columns("lemp", "countyreal", "year", "first.treat", covariates=("lpop",)))
    assert estimate(panel, Staggered()).estimate == pytest.approx(-0.0418, abs=1e-4)


def test_sun_abraham_without_covariates_is_callaway_santanna(mpdta: Panel) -> None:
    """With never-treated controls both weigh the same differences: effects after the start are equal."""
    sun = estimate(mpdta, Staggered(method="sun-abraham")).data["event study"].set_index("term")["estimate"]
    own = estimate(mpdta, Staggered()).data["event study"].set_index("term")["estimate"]
    assert np.allclose(sun[[0, 1, 2, 3]], own[[0, 1, 2, 3]], atol=1e-10)


def test_imputation_is_two_way_on_the_untreated() -> None:
    """Borusyak, Jaravel and Spiess (2024): with one cohort and no noise it finds the effect exactly."""
    panel = make_panel(simple_panel(noise=0.0, effect=0.7), SIMPLE)
    whole = estimate(panel, Staggered(method="imputation"))
    short = estimate(panel, Staggered(method="imputation", by_period=False))
    assert whole.estimate == pytest.approx(0.7)
    assert short.estimate == whole.estimate
    assert short.standard_error == pytest.approx(whole.standard_error)
    assert short.data == {}


def test_clusters_widen_the_interval(mpdta: Panel) -> None:
    data = read("mpdta/mpdta.csv").assign(state=lambda d: d["countyreal"] // 1000)
    columns = Columns("lemp", "countyreal", "year", "first.treat", cluster="state")
    by_state = estimate(make_panel(data, columns), Staggered())
    assert by_state.estimate == pytest.approx(estimate(mpdta, Staggered()).estimate)
    assert by_state.standard_error == pytest.approx(0.015427788, abs=1e-8)  # diff-diff's own clustered error
    assert "clusters" in by_state.failed


@pytest.mark.parametrize(
    ("design", "text"),
    [
        (Staggered(method="sun-abraham", average="group"), "simple or dynamic"),
        (Staggered(method="imputation", average="dynamic"), "covariances"),
    ],
)
def test_what_a_method_cannot_do_is_refused(mpdta: Panel, design: Staggered, text: str) -> None:
    with pytest.raises(InputErrors, match=text):
        estimate(mpdta, design)


def test_without_untreated_units_the_controls_are_those_not_yet_treated() -> None:
    data = simple_panel()
    data["start"] = np.where(data["start"] == 0, 6, data["start"])
    panel = make_panel(data, SIMPLE)
    with pytest.raises(InputErrors, match="controls: not yet"):
        estimate(panel, Staggered())
    assert estimate(panel, Staggered(controls="not yet")).estimate == pytest.approx(1.0, abs=0.3)
