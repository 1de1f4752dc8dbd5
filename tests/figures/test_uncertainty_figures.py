"""Figures and tables of uncertainty, sensitivity, learning and calibration."""

import numpy as np
import pandas as pd
import pytest

from sme_analysis.figures import calibration, uncertainty
from sme_analysis.inference.draws import Draws
from sme_analysis.inference.headlines import HEADLINES
from sme_analysis.inference.moments import fit_table, load_targets
from sme_analysis.inference.sensitivity import rank_correlations
from sme_analysis.inference.uncertainty import Uncertainty
from sme_analysis.report import style
from sme_analysis.scenario import load_catalogue, load_scenario

KEYS = ("bank.rate_ceiling", "bank.operating_cost", "firms.need_spread")


@pytest.fixture(scope="module")
def found():
    r = np.random.default_rng(1)
    values = np.column_stack([r.uniform(0.04, 0.06, 64), r.uniform(0.001, 0.01, 64), r.uniform(0.4, 1, 64)])
    draws = Draws(KEYS, values, np.repeat(np.arange(8), 8), np.full(64, 1 / 64))
    results = pd.DataFrame({name: -values[:, 0] + 0.1 * r.random(64) * values[:, 1] for name in HEADLINES})
    return Uncertainty(dict.fromkeys(HEADLINES, -0.05), draws, results)


def drawn(fig):
    return style.png(fig).startswith(b"\x89PNG")


def test_densities_share_out_all_draws(found):
    table = uncertainty.headline_table(found)
    cells = uncertainty.densities_data(found)
    assert np.allclose(cells.groupby("headline")["share"].sum(), 1)
    assert set(cells["headline"]) == set(uncertainty.PANELS)
    assert drawn(uncertainty.densities_plot(cells, table))


def test_drivers_begin_with_what_goes_along_most(found):
    bars = uncertainty.drivers_data(
        rank_correlations(found.draws, found.results), load_catalogue(), ["loan_years", "cost"], 2
    )
    assert bars["key"].iloc[0] == "bank.rate_ceiling"
    assert bars["simple"].iloc[0] < -0.9
    assert drawn(uncertainty.drivers_plot(bars))


def test_sources_are_half_widths(found):
    table = uncertainty.headline_table(found)
    same = pd.DataFrame({name: [1.0, 1.0, 1.0] for name in HEADLINES})
    sources = uncertainty.sources_data(table, same, same)
    assert (sources["sampling"] == 0).all()
    assert (sources["economy"] == 0).all()
    assert np.allclose(sources["parameters"], (table["high"] - table["low"]) / 2)


def test_a_tornado_shows_the_widest_swing_first(found):
    rows = [("cost", KEYS[0], 0.04, 0.06, 1.0, 2.0, 5.0), ("cost", KEYS[1], 0.001, 0.01, 1.9, 2.0, 2.1)]
    data = pd.DataFrame(rows, columns=["output", "key", "at_low", "at_high", "low", "central", "high"])
    assert drawn(uncertainty.tornado_plot(data, load_catalogue(), "cost"))


def test_without_draws_or_policy_there_are_no_ends():
    for name, draws in (("haixi-2020", 0), ("no-policy", 16)):
        ends = uncertainty.ends_of(load_scenario(name), draws)
        assert ends.of("cost") is None
        assert ends.words("cost", "money") == ""
    ends = uncertainty.Ends({"cost": (1.0, 2.0)})
    assert ends.of("cost", 10) == (10, 20)
    assert "CNY 1 m to CNY 2 m" in ends.words("cost", "money")


def test_the_fit_shows_every_moment():
    targets = load_targets()
    model = {t.moment: t.value * 1.1 for t in targets}
    table = fit_table(model, targets)
    assert set(table["role"]) == {"targeted", "implied", "untargeted"}
    assert drawn(calibration.fit_plot(table))
