"""Validation: the file of studies, the verdicts, and the spread over draws."""

import numpy as np
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.firms import synthetic_firms
from sme_analysis.inference.experiments import EXPERIMENTS
from sme_analysis.inference.validation import (
    COLUMNS,
    TABLE,
    answers_by_draw,
    load_studies,
    validate,
    verdict,
    weighted_interval,
)
from sme_analysis.scenario import load_catalogue, load_scenario, project_root
from sme_analysis.scenario.figures import figure

NAN = float("nan")
HEADER = ",".join(COLUMNS)
# Rows whose source is a figure, of another quantity of the same study.
DERIVED = {"cascarino2022_first_quarter", "gropp2014_loan"}
ROW = (
    "zia2008_unconstrained,Zia 2008,Pakistan,2001,end of a subsidy,subsidised loans,47%,44%,50%,share,study,"
    "lit.zia2008.unconstrained_share,true,false,A sentence on why they may differ."
)


@pytest.fixture(scope="module")
def parameters():
    return load_scenario("no-policy").parameters.replace({"simulation.firms": 400})


@pytest.fixture(scope="module")
def firms(parameters):
    return synthetic_firms(parameters)


@pytest.fixture(scope="module")
def table(parameters, firms):
    draws = [{"market.monitoring": 0.1}, {"market.monitoring": 0.6}]
    return validate(parameters, firms, draws).set_index("name")


@pytest.fixture
def file(tmp_path):
    def write(*rows, header=HEADER):
        path = tmp_path / "studies.csv"
        path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
        return path

    return write


def problems(path):
    with pytest.raises(InputErrors) as caught:
        load_studies(path)
    return caught.value.problems


def test_there_is_one_row_for_every_experiment():
    studies = load_studies()
    assert sorted(studies["name"]) == sorted(EXPERIMENTS)
    assert studies["used"].sum() == 4
    assert (studies["comment"].str.len() > 20).all()


def test_amounts_agree_with_the_published_figures():
    studies = load_studies()
    rows = studies[studies["source"].str.startswith("lit.") & ~studies["name"].isin(DERIVED)]
    assert len(rows) >= 10
    for row in rows.itertuples():
        assert row.value == pytest.approx(figure(row.source).value), row.name


def test_what_a_parameter_rests_on_is_marked_as_no_test():
    cited = {key for record in load_catalogue().values() for key in record.evidence}
    studies = load_studies()
    resting = studies[studies["source"].isin(cited)]
    assert len(resting) >= 3
    assert resting["used"].all()


def test_a_good_row_is_read(file):
    row = load_studies(file(ROW)).iloc[0]
    assert (row["value"], row["low"], row["high"]) == pytest.approx((0.47, 0.44, 0.5))
    assert row["confirmed"]
    assert not row["used"]


@pytest.mark.parametrize(
    ("old", "new", "where", "given"),
    [
        ("zia2008_unc", "zia2008_uncc", "line 2, zia2008_uncconstrained, name", '"zia2008_uncconstrained"'),
        ("47%", "47", "line 2, zia2008_unconstrained, value", "47"),
        ("47%", "60%", "line 2, zia2008_unconstrained", "60%, with a range from 44% to 50%"),
        (",share,", ",number,", "line 2, zia2008_unconstrained, unit", '"number"'),
        (",study,", ",guess,", "line 2, zia2008_unconstrained, band", '"guess"'),
        ("lit.zia2008.unc", "lit.zia.unc", "line 2, zia2008_unconstrained, source", "lit.zia.unc"),
        ("true,false", "yes,false", "line 2, zia2008_unconstrained, confirmed", '"yes"'),
        ("A sentence on why they may differ.", "", "line 2, zia2008_unconstrained, comment", "nothing"),
        ("44%,50%", ",", "line 2, zia2008_unconstrained, low", "nothing"),
        (",study,", ",sign,", "line 2, zia2008_unconstrained, value", "the value 47% and the band sign"),
        (",2001,", ",once,", "line 2, zia2008_unconstrained, years", '"once"'),
    ],
)
def test_a_bad_cell_is_named_with_its_line(file, old, new, where, given):
    found = problems(file(ROW.replace(old, new, 1)))
    assert any(p.where.endswith(where) and given in p.given for p in found), found


def test_all_problems_are_reported_together(file):
    found = problems(file(ROW.replace("47%", "x"), ROW.replace("true,false", "true,maybe")))
    assert len(found) == 3  # an amount, a flag, and the experiment twice


def test_a_broken_file_is_explained(file, tmp_path):
    assert "the columns name,study" in problems(file(ROW, header="name,study"))[0].allowed
    assert problems(file(f"{ROW},more"))[0].given == "16 cells"
    assert "cannot be read" in problems(tmp_path / "missing.csv")[0].given
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in problems(tmp_path / "bytes.csv")[0].given


def test_the_table_holds_central_answers_and_the_spread_of_draws(table, parameters, firms):
    assert [table.index.name, *table.columns] == list(TABLE)
    assert not table["used"].iloc[0]
    assert table["used"].iloc[-1]
    row = table.loc["cowan2015_moral_hazard"]
    assert row["model_low"] < row["model"] < row["model_high"]
    assert row["model"] == EXPERIMENTS["cowan2015_moral_hazard"].run(parameters, firms)
    assert table.loc["gropp2014_loan", "model_low"] == table.loc["gropp2014_loan", "model_high"]


def test_draws_count_by_their_weights(parameters, firms):
    draws = [{"market.monitoring": 0.1}, {"market.monitoring": 0.6}]
    heavy = validate(parameters, firms, draws, [1.0, 0.0]).set_index("name")
    first = answers_by_draw(parameters, draws[:1], len(firms))
    name = "cowan2015_moral_hazard"
    assert heavy.loc[name, "model_low"] == heavy.loc[name, "model_high"] == first.loc[0, name]
    for weights in ([1.0], [-1.0, 2.0], [0.0, 0.0]):
        with pytest.raises(ValueError, match="one a draw"):
            validate(parameters, firms, draws, weights)


def test_a_draw_that_moves_the_firms_has_its_own(parameters):
    names = ["cowan2015_selection"]
    draws = [{"firms.quality_spread": 0.7}, {"firms.quality_spread": 1.4}]
    found = answers_by_draw(parameters, draws, 400, names)
    assert found["cowan2015_selection"].iloc[1] > found["cowan2015_selection"].iloc[0]


def test_processes_share_the_draws_without_changing_an_answer(parameters):
    names = ["gropp2014_loan", "barrot2016_default"]
    draws = [{"firms.quality_spread": x} for x in (0.8, 1.2)]
    alone = answers_by_draw(parameters, draws, 300, names)
    assert answers_by_draw(parameters, draws, 300, names, workers=2).equals(alone)


def test_a_draw_that_cannot_be_is_refused(parameters, firms):
    with pytest.raises(InputErrors):
        validate(parameters, firms, [{"market.no_such_key": 1.0}])


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((0.5, 0.4, 0.6, 0.6, NAN, NAN), "inside"),
        ((0.5, 0.4, 0.6, 0.7, NAN, NAN), "outside"),
        ((0.5, 0.4, 0.6, 0.7, 0.55, 0.8), "within draws"),
        ((0.5, 0.4, 0.6, 0.7, 0.65, 0.8), "outside"),
        ((0.5, 0.5, NAN, 9.0, NAN, NAN), "inside"),
        ((NAN, 0.0, NAN, 0.1, NAN, NAN), "sign only"),
        ((NAN, 0.0, NAN, -0.1, -0.2, 0.1), "wrong sign"),
        ((0.5, 0.4, 0.6, NAN, 0.4, 0.6), "no answer"),
    ],
)
def test_verdicts(row, expected):
    assert verdict(*row) == expected


def test_quantiles_leave_missing_draws_out():
    assert weighted_interval(np.array([NAN, 1.0, 3.0]), np.ones(3)) == (1.0, 3.0)
    assert np.isnan(weighted_interval(np.array([NAN]), np.ones(1))).all()
    assert np.isnan(weighted_interval(np.array([]), np.ones(0))).all()
    values, weights = np.arange(100.0), np.ones(100)
    assert weighted_interval(values, weights) == (4.0, 94.0)


def test_the_file_is_where_it_is_looked_for():
    assert (project_root() / "data" / "causal_studies.csv").is_file()
