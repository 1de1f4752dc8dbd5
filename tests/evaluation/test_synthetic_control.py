from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.evaluation import Columns, Panel, Synthetic, estimate, make_panel
from sme_analysis.evaluation.synthetic import fit, simplex
from tests.evaluation.conftest import SIMPLE, read, simple_panel

Published = Callable[[str, str], tuple[float, float]]


@pytest.fixture(scope="module")
def smoking() -> Panel:
    """California's Proposition 99: packs a head, 39 states, 1970-2000, treated from 1989."""
    data = read("synthetic_control/california_prop99.csv", sep=";")
    data["start"] = np.where(data["State"] == "California", 1989, 0)
    return make_panel(data, Columns("PacksPerCapita", "State", "Year", "start", measured_in="packs"))


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("synthetic difference-in-differences", "SDID"),
        ("synthetic control", "SC"),
        ("difference-in-differences", "DID"),
    ],
)
def test_proposition_99(smoking: Panel, published: Published, method: str, name: str) -> None:
    """Arkhangelsky et al. (2021), table 1: -15.604, -19.620, -27.349, with their solver, which stops early."""
    wide = smoking.frame.pivot(index="unit", columns="time", values="outcome")
    design = Synthetic(method=method, solver="frank-wolfe")
    found = fit(wide.drop("California").to_numpy(), wide.loc["California"].to_numpy(), 19, design, 1)
    value, tolerance = published("Prop 99", name)
    assert found.estimate == pytest.approx(value, abs=tolerance)


def test_the_exact_optimum_fits_better_than_where_the_published_program_stops(smoking: Panel) -> None:
    wide = smoking.frame.pivot(index="unit", columns="time", values="outcome")
    control, treated = wide.drop("California").to_numpy(), wide.loc["California"].to_numpy()
    errors = {}
    for solver in ("exact", "frank-wolfe"):
        found = fit(control, treated, 19, Synthetic(method="synthetic control", solver=solver), 1)
        errors[solver] = float(((found.treated - found.synthetic)[:19] ** 2).sum())
    assert errors["exact"] < errors["frank-wolfe"]


def test_published_standard_error_of_placebos(smoking: Panel) -> None:
    """Arkhangelsky et al. (2021), table 1: placebo standard errors 8.4, 9.9 and 17.7, 200 draws; ours takes each state once."""
    errors = {
        method: estimate(smoking, Synthetic(method=method)).standard_error
        for method in (
            "synthetic difference-in-differences",
            "synthetic control",
            "difference-in-differences",
        )
    }
    assert np.allclose(list(errors.values()), [8.4, 9.9, 17.7], rtol=0.15)


def test_exact_weights_satisfy_the_conditions_of_an_optimum() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(12, 30)), rng.normal(size=12)
    w = simplex(a, b, 0.3)
    slope = a.T @ (a @ w - b) + 0.3 * w
    assert w.sum() == pytest.approx(1)
    assert np.allclose(slope[w > 1e-9], slope.min(), atol=1e-8)


def test_several_treated_units_draw_placebo_groups() -> None:
    data = simple_panel(units=40, noise=0.2)
    data.loc[data["firm"] > 15, "start"] = 0
    data["y"] -= ((data["firm"] > 15) & (data["firm"] % 2 == 0) & (data["year"] >= 4)) * 1.0
    found = estimate(make_panel(data, SIMPLE), Synthetic(placebos=60))
    assert found.estimate == pytest.approx(1.0, abs=0.25)
    assert len(found.data["placebos"]) == 60


def test_what_it_cannot_carry_is_refused() -> None:
    data = simple_panel()
    data.loc[data["firm"] == 2, "start"] = 5
    with pytest.raises(InputErrors, match="2 cohorts") as caught:
        estimate(make_panel(data.iloc[1:], SIMPLE), Synthetic())
    assert "balanced panel" in str(caught.value)
    assert "for placebos" in str(caught.value)


def test_checks_of_fit_placebos_and_donors(smoking: Panel) -> None:
    good = estimate(smoking, Synthetic()).diagnostics.set_index("check")["status"]
    assert good[["fit before", "placebos", "donors"]].tolist() == ["passed"] * 3
    data = smoking.frame.copy()
    far = data["unit"] == "California"
    data.loc[far, "outcome"] = 300 + 20 * np.sin(data.loc[far, "time"])
    bad = make_panel(data, Columns("outcome", "unit", "time", "cohort"))
    found = estimate(bad, Synthetic(method="synthetic control"))
    assert {"fit before", "donors"} <= set(found.failed)
    null = estimate(make_panel(simple_panel(units=60, effect=0.0).assign(
        start=lambda d: np.where(d["firm"] == 0, 4, 0)), SIMPLE), Synthetic())  # fmt: skip
    assert "placebos" in null.failed
