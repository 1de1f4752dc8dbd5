"""The forest plot: every row in a panel of its unit, tests before what parameters rest on, drawn with and without draws."""

import numpy as np
import pytest

from sme_analysis.figures import validation as draw
from sme_analysis.firms import synthetic_firms
from sme_analysis.inference.validation import validate
from sme_analysis.report import style
from sme_analysis.scenario import load_scenario


@pytest.fixture(scope="module")
def table():
    parameters = load_scenario("no-policy").parameters.replace({"simulation.firms": 400})
    draws = [{"market.monitoring": 0.1}, {"market.monitoring": 0.6}]
    return validate(parameters, synthetic_firms(parameters), draws)


def test_every_row_is_drawn_once_in_a_panel_of_its_unit(table):
    data = draw.forest_data(table)
    assert sorted(data["name"]) == sorted(table["name"])
    assert (data.groupby("panel")["unit"].nunique() == 1).all()
    assert data["used"].is_monotonic_increasing
    assert (data["panel"].str.startswith("no test: ") == data["used"]).all()
    assert data["label"].str.count("\n").eq(1).all()


def test_the_elasticity_does_not_squeeze_the_ratios(table):
    panels = draw.forest_data(table).set_index("name")["panel"]
    assert panels["bachas2021_elasticity"] == "elasticities"
    assert panels["cowan2015_credit_per_guarantee"] == "ratios"


def test_it_is_drawn_with_draws_without_and_with_an_answer_missing(table):
    data = draw.forest_data(table)
    fig = draw.forest_plot(data)
    assert len(fig.axes) == data["panel"].nunique()
    assert style.png(fig).startswith(b"\x89PNG")
    bare = data.assign(model_low=np.nan, model_high=np.nan)
    bare.loc[0, ["model", "verdict"]] = [np.nan, "no answer"]
    fig = draw.forest_plot(bare)
    words = [text.get_text() for legend in fig.legends for text in legend.get_texts()]
    assert "model" in words
    assert style.png(fig).startswith(b"\x89PNG")


def test_words_are_cut_at_a_word():
    assert draw.short("Cowan, Drexler and Yañez 2015") == "Cowan and others 2015"
    assert draw.short("Zia 2008") == "Zia 2008"
    assert draw.clipped("one two three", 9) == "one two …"
    assert draw.clipped("one two", 9) == "one two"
