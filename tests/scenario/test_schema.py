"""The JSON Schema in the project is the catalogue's, and agrees with the loader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sme_analysis.scenario import load_catalogue, load_scenario, project_root, scenario_names
from sme_analysis.scenario.schema import SCHEMA_NAME, scenario_schema, schema_text, write_schema
from sme_analysis.scenario.units import UnitError

jsonschema = pytest.importorskip("jsonschema")


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = scenario_schema(load_catalogue())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def scenario(**changes: object) -> dict[str, Any]:
    return {"title": "t", "author": "a", "reference": "r", "changes": changes}


def test_the_schema_file_is_current() -> None:
    file = project_root() / "parameters" / SCHEMA_NAME
    assert file.read_text(encoding="utf-8") == schema_text(), (
        "write it again with scenario.schema.write_schema()"
    )


def test_it_can_be_written(tmp_path: Path) -> None:
    assert write_schema(tmp_path).read_text(encoding="utf-8") == schema_text()


def test_shipped_scenarios_agree_with_it(validator: Any) -> None:
    for name in scenario_names():
        content = YAML(typ="safe", pure=True).load(load_scenario(name).path)
        assert list(validator.iter_errors(content)) == []


def examples() -> Iterator[tuple[str, object]]:
    yield from [
        ("risk_compensation.loss_share", "60%"),
        ("risk_compensation.loss_share", 0.6),
        ("risk_compensation.loss_share", 60),
        ("risk_compensation.loss_share", "80m"),
        ("risk_compensation.fund", "80m"),
        ("risk_compensation.fund", "300 wan"),
        ("risk_compensation.fund", "4,000 yuan"),
        ("risk_compensation.fund", 80),
        ("risk_compensation.fund", 0),
        ("risk_compensation.fund", "5%"),
        ("risk_compensation.leverage", 10),
        ("risk_compensation.leverage", 100),
        ("simulation.firms", 1000),
        ("simulation.firms", 10),
        ("simulation.firms", 1000.5),
        ("horizon.start", "2027-01"),
        ("horizon.start", "January"),
        ("special_fund.active", False),
        ("special_fund.active", "off"),
        ("special_fund.active", 1),
        ("credit_incentive.base", "rolling"),
        ("credit_incentive.base", "rollin"),
        ("special_fund.eligible_sizes", ["micro"]),
        ("special_fund.eligible_sizes", ["mikro"]),
    ]


@pytest.mark.parametrize(("key", "given"), list(examples()))
def test_it_takes_what_the_loader_takes(validator: Any, key: str, given: object) -> None:
    try:
        load_catalogue()[key].parse(given)
        good = True
    except UnitError:
        good = False
    assert validator.is_valid(scenario(**{key: given})) == good
    group, _, name = key.partition(".")
    assert validator.is_valid(scenario(**{group: {name: given}})) == good


def test_unknown_names_are_refused(validator: Any) -> None:
    assert not validator.is_valid(scenario(**{"risk_compensation.los_share": "60%"}))
    assert not validator.is_valid({**scenario(), "titel": "x"})
    assert not validator.is_valid({"title": "t"})
