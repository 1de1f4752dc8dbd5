"""Scenarios that load: changes, parents, overrides, fingerprints, tables."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_analysis.errors import InputErrors
from sme_analysis.scenario import (
    Change,
    UnknownKeyError,
    changes_table,
    check_files,
    describe,
    diff,
    load_catalogue,
    load_scenario,
    scenario_names,
)
from sme_analysis.scenario.tables import DESCRIBE_COLUMNS

Write = Callable[..., Path]
COVER = "risk_compensation.loss_share"


def test_shipped_scenarios_are_good() -> None:
    assert {"haixi-2020", "no-policy", "thin-fund", "generous-cover"} <= set(scenario_names())
    assert check_files(scenario_names()) == []
    for name in scenario_names():
        scenario = load_scenario(name)
        assert scenario.name == name
        assert all(change.moves for change in scenario.changes), name
        assert name == "haixi-2020" or scenario.lineage[-1] == "haixi-2020"


def test_shipped_scenarios_name_the_schema() -> None:
    for name in scenario_names():
        first = load_scenario(name).path.read_text(encoding="utf-8").splitlines()[0]
        assert first == "# yaml-language-server: $schema=../scenario.schema.json"


def test_the_default_is_the_catalogue() -> None:
    scenario = load_scenario("haixi-2020")
    assert scenario.calibration is not None
    for key, record in load_catalogue().items():
        estimate = scenario.calibration.values.get(key)
        if estimate is None:
            assert scenario.parameters[key] == record.value, key
        else:  # the catalogue has the estimate rounded
            assert scenario.parameters[key] == estimate == pytest.approx(record.value, rel=0.02), key
    assert scenario.changes == ()
    assert scenario.parent is None
    assert scenario.parameters[COVER] == 0.5


def test_no_policy_switches_every_instrument_off() -> None:
    parameters = load_scenario("no-policy").parameters
    switches = [key for key in parameters if key.endswith(".active")]
    assert len(switches) == 16  # fifteen instruments and the shock
    assert not any(parameters[key] for key in switches)


def test_overrides_and_their_fingerprint() -> None:
    default = load_scenario("haixi-2020")
    spellings: list[dict[str, object]] = [
        {COVER: "60%"},
        {COVER: 0.6},
        {COVER: "0.60"},
        {COVER: "6000bp"},
        {"risk_compensation": {"loss_share": "60 %"}},
    ]
    found = [load_scenario("haixi-2020", changes=changes) for changes in spellings]
    assert {scenario.fingerprint for scenario in found} == {found[0].fingerprint}
    assert found[0].fingerprint != default.fingerprint
    assert len(default.fingerprint) == 16
    assert found[0].changes == (Change(COVER, 0.5, 0.6, "changes"),)
    assert load_scenario("haixi-2020", changes={COVER: "50%"}).fingerprint == default.fingerprint
    assert load_scenario("haixi-2020", changes={}) == default


def test_an_override_wins_over_the_files_own_change() -> None:
    scenario = load_scenario("generous-cover", {COVER: "70%"}, origin="--set")
    change = {change.key: change for change in scenario.changes}[COVER]
    assert change == Change(COVER, 0.5, 0.7, "--set")
    assert scenario.parameters["risk_compensation.fund"] == 80.0


def test_order_and_nesting_make_no_difference(write: Write) -> None:
    flat = write("extends: haixi-2020\nchanges:\n  bank.precision: 50%\n  bank.margin: 20bp\n", "flat")
    nested = write("extends: haixi-2020\nchanges:\n  bank:\n    margin: 0.2%\n    precision: 0.5\n", "nested")
    assert load_scenario(flat).fingerprint == load_scenario(nested).fingerprint


def test_inheritance_by_name_and_by_path(write: Write, desk: Path) -> None:
    write("extends: thin-fund\nchanges: {risk_compensation.fund: 9m}\n", "first")
    second = write("extends: ./first.yaml\nchanges:\n  risk_compensation.loss_share: 40%\n", "second")
    scenario = load_scenario(second)
    assert scenario.lineage == ("second", "first", "thin-fund", "haixi-2020")
    assert scenario.parameters["risk_compensation.fund"] == 9.0
    assert scenario.parameters["risk_compensation.appropriation"] == 0.0
    assert [change.key for change in scenario.changes] == [COVER]
    assert scenario.changes[0].origin == "second.yaml, line 6"
    neighbour = write("extends: first\n", "third")
    assert load_scenario(neighbour).parent == load_scenario(desk / "first.yaml")


def test_without_a_parent_the_defaults_apply(write: Write) -> None:
    scenario = load_scenario(write("changes:\n"))
    assert dict(scenario.parameters) == {key: record.value for key, record in load_catalogue().items()}
    assert scenario.calibration is None
    named = load_scenario(write("calibration: haixi-2025\nchanges:\n"))
    assert named.fingerprint == load_scenario("haixi-2020").fingerprint
    assert (scenario.title, scenario.author, scenario.reference) == ("Mine", "A. Reader", "article 16")


def test_a_change_that_repeats_the_parent_is_kept_and_moves_nothing(write: Write) -> None:
    scenario = load_scenario(write("changes:\n  risk_compensation.loss_share: 50%\n"))
    assert [change.moves for change in scenario.changes] == [False]
    assert changes_table(scenario).empty


def test_yaml_versions_make_no_difference(write: Write) -> None:
    text = "changes:\n  simulation.firms: 1e3\n  special_fund.active: no\n  horizon.start: 2027-07\n"
    parameters = load_scenario(write(text)).parameters
    assert parameters["simulation.firms"] == 1000
    assert parameters["special_fund.active"] is False
    assert parameters["horizon.start"] == "2027-07"


def test_diff_of_any_two() -> None:
    found = diff(load_scenario("thin-fund"), load_scenario("generous-cover"))
    assert {change.key: (change.parent_value, change.value) for change in found}[
        "risk_compensation.fund"
    ] == (
        8.0,
        80.0,
    )
    assert diff(load_scenario("thin-fund"), load_scenario("thin-fund")) == ()


def test_parameters_are_frozen_and_travel() -> None:
    parameters = load_scenario("haixi-2020").parameters
    with pytest.raises(AttributeError, match="frozen"):
        parameters.other = 1
    with pytest.raises(TypeError):
        parameters[COVER] = 0.9  # type: ignore[index]
    again = pickle.loads(pickle.dumps(parameters))
    assert again == parameters
    assert hash(again) == hash(parameters)
    assert again.fingerprint == parameters.fingerprint
    assert set(json.loads(parameters.to_json())) == set(parameters)
    assert pickle.loads(pickle.dumps(load_scenario("no-policy"))) == load_scenario("no-policy")


def test_groups() -> None:
    parameters = load_scenario("haixi-2020").parameters
    assert parameters.group("risk_compensation")["loss_share"] == 0.5
    assert set(parameters.group("firms.mean_pd")) == {"micro", "small", "medium"}
    assert "mean_pd.micro" in parameters.group("firms")
    with pytest.raises(UnknownKeyError, match="risk_compensations"):
        parameters.group("risk_compensations")


def test_a_mistyped_key_is_a_key_error_with_a_suggestion() -> None:
    parameters = load_scenario("haixi-2020").parameters
    with pytest.raises(KeyError, match=r"did you mean risk_compensation\.loss_share"):
        parameters["risk_compensation.loss_shar"]
    assert parameters.get("nothing") is None
    assert "nothing" not in parameters


def test_replace_takes_inner_units_and_checks() -> None:
    parameters = load_scenario("haixi-2020").parameters
    changed = parameters.replace({COVER: 0.6, "risk_compensation.fund": 80, "bank.margin": "20bp"})
    assert (changed[COVER], changed["risk_compensation.fund"], changed["bank.margin"]) == (0.6, 80.0, 0.002)
    assert parameters[COVER] == 0.5
    assert changed.fingerprint != parameters.fingerprint
    with pytest.raises(InputErrors) as caught:
        parameters.replace({COVER: 1.2, "risk_compensation.found": 1.0, "simulation.firms": 0.5})
    assert len(caught.value.problems) == 3
    with pytest.raises(InputErrors, match="a floor of 60 %"):
        parameters.replace({"market.lgd_floor": 0.6, "market.lgd_unsecured": 0.5})


@given(st.floats(0, 0.9))
def test_the_fingerprint_depends_on_values_only(cover: float) -> None:
    parameters = load_scenario("haixi-2020").parameters
    assert (
        parameters.replace({COVER: cover}).fingerprint == parameters.replace({COVER: repr(cover)}).fingerprint
    )


def test_describe_has_one_row_a_parameter() -> None:
    table = describe(load_scenario("generous-cover"))
    assert tuple(table.columns) == DESCRIBE_COLUMNS
    assert len(table) == len(load_catalogue())
    row = table.set_index("key").loc[COVER]
    assert (row["value"], row["default"], row["changed_from"], row["range"]) == (
        "80 %",
        "50 %",
        "50 %",
        "0 % to 90 %",
    )
    assert row["article"] == "16"
    assert (table["changed_from"] != "").sum() == 3


def test_changes_table() -> None:
    table = changes_table(load_scenario("thin-fund")).set_index("key")
    assert list(table.loc["risk_compensation.fund", ["before", "after"]]) == ["CNY 50 m", "CNY 8 m"]
    origin = str(table.loc["risk_compensation.fund", "origin"])
    assert origin.startswith("parameters/scenarios/thin-fund.yaml, line ")
