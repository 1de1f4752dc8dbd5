"""Test cases of the instruments in YAML, which an economist can add without Python: see CONTRIBUTING.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from sme_analysis.firms.table import LEGAL_FORMS, TAGS
from sme_analysis.impact import effects
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.regulation import INDUSTRIES, SIZE_CLASSES
from sme_analysis.scenario import load_catalogue, load_scenario
from sme_analysis.scenario.units import nearest, parse
from sme_analysis.simulation import simulate

FOLDER = Path(__file__).parent / "cases"
FILES = sorted(FOLDER.glob("*.yaml"))
CASE_KEYS = ("name", "parameters", "firms", "year", "expect", "margin", "because")
EXPECT_KEYS = ("lines", "facts", "levers", "impact")
TEXT = {
    "legal_form": ("enterprise", LEGAL_FORMS),
    "industry": ("retail", INDUSTRIES),
    "size_class": ("micro", SIZE_CLASSES[:3]),
}
# what a firm of a case is where the case does not say: need, revenue and the like in CNY million
PLAIN: dict[str, Any] = {
    "weight": 100.0, "employees": 5.0, "revenue": 2.0, "assets": 1.0, "age": 5.0, "wants": 1.0, "applies": 1.0,
    "need": 0.5, "score_noise": 0.0, "collateral_ratio": 0.5, "overdue_receivables": 0.0,
    **dict.fromkeys(TAGS, False),
}  # fmt: skip
MONEY = ("need", "revenue", "assets", "overdue_receivables")
COMPARISON = re.compile(r"^(<=|>=|<|>|=)\s*(.+)$")


def cases() -> list[Any]:
    found = []
    for path in FILES:
        for case in YAML(typ="safe").load(path.read_text(encoding="utf-8")):
            found.append(pytest.param(path.stem, case, id=f"{path.stem}: {case.get('name', '?')}"))
    return found


def known(given: Any, allowed: Any, where: str) -> None:
    for key in given:
        assert key in allowed, f"{where}: {key} is unknown; {nearest(key, allowed) or ', '.join(allowed)}"


def number(given: Any) -> float:
    """A number, a share such as 50%, or an amount such as 12,000 yuan or 3m (CNY million)."""
    if isinstance(given, str):
        unit = "share" if given.strip().endswith("%") else "money"
        return float(given) if re.fullmatch(r"[-+0-9.e]+", given.strip()) else float(parse(given, unit))
    return float(given)


def firm_table(rows: list[dict[str, Any]], instrument: str, where: str) -> pd.DataFrame:
    known_keys = (*PLAIN, *TEXT, "pd", "u", "quality")
    made = []
    for k, row in enumerate(rows):
        known(row, (*known_keys, *(f"u_{name}" for name in INSTRUMENTS), "u_grant"), f"{where}, firm {k + 1}")
        firm: dict[str, Any] = {**PLAIN, **{name: default for name, (default, _) in TEXT.items()}, **row}
        chance = number(firm.pop("pd", "3%"))
        firm.setdefault("quality", float(np.log(chance / (1 - chance))))
        u = float(firm.pop("u", 0.0))
        names = {f"u_{name}" for name in (*INSTRUMENTS, "grant", "innovation_grant")}
        firm = {**dict.fromkeys(names, u), **firm}
        made.append(
            {n: number(v) if n in MONEY or (isinstance(v, str) and "%" in v) else v for n, v in firm.items()}
        )
    table = pd.DataFrame(made).assign(firm_id=np.arange(len(made)))
    for name, (_, categories) in TEXT.items():
        table[name] = pd.Categorical(table[name], categories=list(categories))
    numbers = [name for name in table if table[name].dtype == "int64" and name != "firm_id"]
    return table.astype(dict.fromkeys(numbers, float))


def compare(expected: Any, found: float, margin: float, where: str) -> None:
    said = COMPARISON.match(str(expected).strip())
    if said and said[1] != "=":
        bound = number(said[2])
        holds = {"<": found < bound, ">": found > bound, "<=": found <= bound, ">=": found >= bound}[said[1]]
        assert holds, f"{where}: expected {expected}, found {found:.9g}"
        return
    wanted = number(said[2] if said else expected)
    assert found == pytest.approx(wanted, rel=margin, abs=1e-12), (
        f"{where}: expected {expected}, found {found:.9g}"
    )


def test_every_instrument_has_cases() -> None:
    assert {path.stem for path in FILES} == set(INSTRUMENTS)


@pytest.mark.parametrize(("instrument", "case"), cases())
def test_case(instrument: str, case: dict[str, Any]) -> None:
    where = f"cases/{instrument}.yaml, {case.get('name', 'a case without a name')}"
    known(case, CASE_KEYS, where)
    known(case["expect"], EXPECT_KEYS, where)
    assert case.get("because"), f"{where}: say in `because` how the numbers come out by hand"
    catalogue = load_catalogue()
    known(case.get("parameters", {}), list(catalogue), where)
    changes = {key: catalogue[key].parse(value) for key, value in case.get("parameters", {}).items()}
    year = int(case.get("year", 1))
    plain: dict[str, Any] = {
        "horizon.start": "2027-01",
        "horizon.years": max(year, 1),
        f"{instrument}.active": True,
    }
    plain["policy_credibility.kept"] = 1.0  # promises are trusted unless the case says otherwise
    parameters = load_scenario("no-policy").parameters.replace({**plain, **changes})
    result = simulate(firm_table(case["firms"], instrument, where), parameters)
    solved, margin = result.years[year - 1], number(case.get("margin", 1e-6))
    outcome = solved.outcomes[instrument]
    for kind, values in (("lines", outcome.lines), ("facts", outcome.facts)):
        for name, wanted in case["expect"].get(kind, {}).items():
            known([name], list(values), f"{where}, {kind}")
            compare(wanted, float(values[name]), margin, f"{where}, {kind}, {name}")
    order = np.argsort(result.firms["firm_id"].to_numpy())
    for name, wanted in case["expect"].get("levers", {}).items():
        column = np.broadcast_to(np.asarray(getattr(solved.levers, name), dtype=float), len(order))[order]
        for k, one in enumerate(wanted):
            compare(one, float(column[k]), margin, f"{where}, lever {name}, firm {k + 1}")
    table = effects(result).iloc[year - 1]
    for name, wanted in case["expect"].get("impact", {}).items():
        known([name], list(table.index), f"{where}, impact")
        compare(wanted, float(table[name]), margin, f"{where}, impact, {name}")
