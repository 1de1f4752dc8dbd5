"""Calibrations: files that are refused with what to do, and scenarios that rest on them."""

import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.scenario import (
    calibration_names,
    changes_table,
    describe,
    load_calibration,
    load_catalogue,
    load_scenario,
)
from sme_analysis.scenario.calibrations import Calibration, calibrations_folder, save_calibration

NAME = "haixi-2025"
KEY = "bank.operating_cost"
GOOD = {
    "name": "mine",
    "title": "A calibration",
    "method": "by hand, for a test",
    "made": "2026-11-23",
    "keys": (KEY, "bank.precision"),
    "scales": ("log", "linear"),
    "estimates": (0.0071, 0.5),
    "covariance": ((0.04, 0.01), (0.01, 0.09)),
}


def stored(**changes):
    """Write a calibration with some fields as they should not be: past the checks of the class."""
    made = Calibration(**GOOD).model_copy(update=changes)
    return save_calibration(made)


def problems(name="mine"):
    with pytest.raises(InputErrors) as caught:
        load_calibration(name, load_catalogue())
    return caught.value.problems


def test_the_shipped_calibration_is_sound_and_the_default_scenario_rests_on_it():
    assert NAME in calibration_names()
    found = load_calibration(NAME, load_catalogue())
    assert found == load_scenario("haixi-2020").calibration
    assert set(found.values) == set(found.standard_errors)
    for model, published, error in found.moments.values():
        assert abs(model - published) < 0.05 * error


def test_a_name_that_does_not_exist_is_met_with_the_nearest():
    (problem,) = problems("haixi-2052")
    assert problem.given == '"haixi-2052", which does not exist'
    assert problem.hint == f"did you mean {NAME}?"


def test_an_empty_folder_is_named(project):
    for file in calibrations_folder().glob("*.yaml"):
        file.unlink()
    (problem,) = problems(NAME)
    assert "parameters/calibrations is empty" in problem.allowed


def test_a_scenario_names_the_line_of_a_calibration_that_does_not_exist(write):
    file = write("calibration: haixi-2052\n")
    with pytest.raises(InputErrors) as caught:
        load_scenario(file)
    (problem,) = caught.value.problems
    assert problem.where == "mine.yaml, line 4, calibration"
    assert problem.hint == f"did you mean {NAME}?"


def test_an_unknown_key_is_met_with_the_nearest(project):
    stored(keys=("bank.operating_costs", "bank.precision"))
    (problem,) = problems()
    assert problem.where == "parameters/calibrations/mine.yaml, bank.operating_costs"
    assert KEY in problem.hint


def test_every_value_out_of_range_is_reported(project):
    stored(estimates=(5.0, -1.0))
    assert [p.where.rpartition(", ")[2] for p in problems()] == [KEY, "bank.precision"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keys": ()}, "one or more parameters"),
        ({"keys": (KEY, KEY)}, "each once"),
        ({"scales": ("log",)}, "one for each of the 2 keys"),
        ({"estimates": (0.0071,)}, "one for each of the 2 keys"),
        ({"covariance": ((0.04, 0.01),)}, "a symmetric table of 2"),
        ({"covariance": ((0.04, 0.01), (0.01,))}, "a symmetric table of 2"),
        ({"covariance": ((0.04, 0.02), (0.01, 0.09))}, "a symmetric table of 2"),
        ({"covariance": ((0.04, 0.1), (0.1, 0.09))}, "negative eigenvalue"),
        ({"covariance": ((-0.04, 0.0), (0.0, 0.09))}, "negative eigenvalue"),
    ],
)
def test_tables_of_the_wrong_shape_are_refused_with_what_to_do(project, changes, message):
    stored(**changes)
    (problem,) = problems()
    assert message in problem.allowed
    assert problem.hint == "make it again: sme-analysis calibrate"


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("title: A calibration\n", "", "title"),
        ("[log,", "[root,", "scales"),
        ("0.0071", "much", "estimates"),
        ("draws: 0", "draws: -1", "draws"),
        ("extends: ''", "extends: ''\nmood: good", "mood"),
    ],
)
def test_a_bad_field_is_named(project, old, new, where):
    file = stored()
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert any(where in p.where for p in problems())


def test_a_file_that_is_no_mapping_is_refused(project):
    file = stored()
    for text in ("", "- a list\n", "title: [unclosed\n"):
        file.write_text(text, encoding="utf-8")
        assert "mine.yaml" in problems()[0].where


@pytest.mark.parametrize(
    ("held", "where"),
    [
        ({KEY: {"scale": "log", "at": 1.0, "moves": (0.1, 0.1)}}, "not itself among the keys"),
        ({"bank.margin": {"scale": "log", "at": 1.0, "moves": (0.1,)}}, "2 moves"),
    ],
)
def test_what_was_held_fixed_has_a_move_for_every_key(held, where):
    with pytest.raises(ValueError, match=where):
        Calibration(**GOOD, held=held)


def test_an_unknown_key_that_was_held_fixed_is_named(project):
    good = Calibration(**GOOD, held={"bank.margins": {"scale": "linear", "at": 0.1, "moves": (0.1, 0.1)}})
    save_calibration(good)
    (problem,) = problems()
    assert problem.where.endswith("mine.yaml, held, bank.margins")


def test_what_is_saved_comes_back(project):
    good = Calibration(**GOOD, held={"bank.margin": {"scale": "linear", "at": 0.1, "moves": (0.1, 0.1)}})
    save_calibration(good)
    found = load_calibration("mine", load_catalogue())
    assert found == good
    assert found.standard_errors == pytest.approx({KEY: 0.2, "bank.precision": 0.3})


def test_the_fingerprint_depends_on_what_was_estimated_only():
    good = Calibration(**GOOD)
    other_words = good.model_copy(update={"title": "Another title", "made": "2027-01-01", "name": "yours"})
    assert good.fingerprint == other_words.fingerprint == Calibration(**GOOD).fingerprint
    for changes in ({"estimates": (0.0072, 0.5)}, {"covariance": ((0.05, 0.01), (0.01, 0.09))}):
        assert good.model_copy(update=changes).fingerprint != good.fingerprint
    assert good.fingerprint == "c14bcac55068430e"


def test_a_calibration_is_inherited_and_the_scenarios_own_changes_stand(write):
    estimates = load_calibration(NAME, load_catalogue()).values
    child = load_scenario(write(f"extends: haixi-2020\nchanges:\n  {KEY}: 1%\n"))
    assert child.calibration == load_scenario("haixi-2020").calibration
    assert child.parameters[KEY] == 0.01
    rest = [key for key in estimates if key != KEY]
    assert {key: child.parameters[key] for key in rest} == {key: estimates[key] for key in rest}


def test_a_calibration_and_a_change_in_one_file_agree_that_the_change_stands(write):
    found = load_scenario(write(f"calibration: {NAME}\nchanges:\n  {KEY}: 1%\n"))
    estimates = found.calibration.values
    assert found.parameters[KEY] == 0.01
    assert found.parameters["bank.fixed_cost"] == estimates["bank.fixed_cost"]
    assert load_scenario(write("", "plain")).calibration is None


def test_another_calibration_takes_the_place_of_the_parents(project):
    save_calibration(Calibration(**GOOD))
    file = project / "mine.yaml"
    file.write_text(
        "title: Mine\nauthor: A. Reader\nreference: article 16\nextends: haixi-2020\ncalibration: mine\n",
        encoding="utf-8",
    )
    found = load_scenario(file)
    assert found.calibration.name == "mine"
    assert found.parameters[KEY] == 0.0071
    assert found.parameters["bank.fixed_cost"] == load_scenario("haixi-2020").parameters["bank.fixed_cost"]
    table = changes_table(found).set_index("key")
    assert set(table.index) == set(GOOD["keys"])
    assert table.loc[KEY, "origin"] == "calibration mine"


def test_what_rests_on_a_calibration_says_so():
    rows = describe(load_scenario("haixi-2020", {KEY: "1%"})).set_index("key")
    estimated = rows.loc["bank.fixed_cost"]
    assert estimated["grade"] == "estimate"
    assert estimated["source"].startswith(
        f"Estimated by the calibration {NAME} (simulated method of moments)"
    )
    assert estimated["source"].endswith("standard error 78% of it.")
    assert "standard error" not in rows.loc[KEY, "source"]
    assert rows.loc[KEY, "grade"] == load_scenario("haixi-2020").parameters.catalogue[KEY].grade
