from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.evaluation import (
    Adjusted,
    Columns,
    Design,
    Panel,
    Staggered,
    Synthetic,
    TwoWay,
    estimate,
    make_panel,
)
from sme_analysis.evaluation.checks import (
    bacon,
    balance,
    clusters,
    complete,
    covariate_balance,
    forbidden_comparisons,
    forbidden_share,
    gaps,
    independent_rows,
    never_treated,
    overlap,
    pre_trends,
    strength,
)
from tests.evaluation.conftest import SIMPLE, simple_panel

CROSS = make_panel(pd.DataFrame({"y": np.arange(9.0)}), Columns("y"))


def panel(**changes: object) -> Panel:
    return make_panel(simple_panel().assign(**changes), SIMPLE)  # type: ignore[arg-type]


def test_complete_rows() -> None:
    data = simple_panel()
    assert complete(make_panel(data, SIMPLE)).status == "passed"
    data.loc[0, "y"] = np.nan
    assert "y (1)" in complete(make_panel(data, SIMPLE)).message
    assert complete(make_panel(data, SIMPLE)).status == "failed"


def test_balance_and_gaps() -> None:
    data = simple_panel()
    whole = make_panel(data, SIMPLE)
    assert (balance(whole).status, gaps(whole).status) == ("passed", "passed")
    left = make_panel(data[~((data["firm"] == 1) & (data["year"] > 4))], SIMPLE)
    assert (balance(left).status, gaps(left).status) == ("failed", "passed")
    back = make_panel(data[~((data["firm"] == 1) & (data["year"] == 3))], SIMPLE)
    assert "come back" in gaps(back).message
    uneven = make_panel(data[data["year"] != 2], SIMPLE)
    assert "evenly" in gaps(uneven).message
    assert (balance(CROSS).status, gaps(CROSS).status) == ("not applicable", "not applicable")


def test_never_treated() -> None:
    assert never_treated(panel()).status == "passed"
    assert never_treated(panel(start=4)).status == "failed"
    assert (
        "from the first period on"
        in never_treated(panel(start=lambda d: np.where(d["start"] == 4, 1, 0))).message
    )
    assert never_treated(CROSS).status == "not applicable"


def test_clusters() -> None:
    data = simple_panel(units=120)
    assert clusters(make_panel(data, SIMPLE)).status == "passed"
    by_town = Columns("y", "firm", "year", "start", cluster="town")
    few = make_panel(data.assign(town=data["firm"] % 12), by_town)
    assert "wild" in clusters(few).message
    one_sided = make_panel(data.assign(start=np.where(data["firm"] < 6, 4, 0)), by_town)
    assert "one side" in clusters(one_sided).message
    assert (clusters(few).status, clusters(one_sided).status) == ("failed", "failed")


def test_forbidden_comparisons() -> None:
    assert forbidden_comparisons(panel()).status == "passed"
    assert forbidden_comparisons(CROSS).status == "not applicable"
    two = simple_panel().assign(
        start=lambda d: np.select([d["firm"] % 3 == 0, d["firm"] % 3 == 1], [2, 5], 0)
    )
    staggered = make_panel(two, SIMPLE)
    assert forbidden_comparisons(staggered).status == "failed"
    unbalanced = make_panel(two.assign(start=np.where(two["start"] == 0, 4, two["start"])).iloc[1:], SIMPLE)
    assert "negative weight" in forbidden_comparisons(unbalanced).message
    assert forbidden_comparisons(unbalanced).status == "failed"
    rare = simple_panel(units=200).assign(
        start=lambda d: np.select([d["firm"] == 0, d["firm"] == 1], [4, 5], 0)
    )
    assert forbidden_comparisons(make_panel(rare, SIMPLE)).status == "passed"


def test_bacon_weights_add_up_to_the_two_way_estimate(mpdta: Panel) -> None:
    """Goodman-Bacon (2021), theorem 1; two-way estimate of mpdta -.0365."""
    parts = bacon(mpdta)
    assert parts["weight"].sum() == pytest.approx(1)
    forbidden = parts.loc[parts["kind"] == "later_vs_earlier", "weight"].sum()
    assert forbidden_share(mpdta) == pytest.approx(forbidden)
    assert float(parts["weight"] @ parts["estimate"]) == pytest.approx(-0.036549, abs=1e-6)


def test_pre_trends() -> None:
    times, v = np.array([-3.0, -2.0, 0.0]), 0.01 * np.eye(3)
    assert pre_trends(times, np.array([0.05, -0.05, 2.0]), v).status == "passed"
    assert pre_trends(times, np.array([0.3, 0.2, 2.0]), v).status == "failed"
    assert pre_trends(times[2:], np.array([2.0]), v[:1, :1]).status == "not applicable"


def test_overlap() -> None:
    treated = np.arange(200) < 100
    alike = np.linspace(0.2, 0.8, 200)[np.random.default_rng(1).permutation(200)]
    assert overlap(alike, treated).status == "passed"
    assert overlap(np.where(treated, 0.99, alike), treated).status == "failed"
    assert "like none of them" in overlap(np.where(treated, alike, 0.01), treated).message


def test_covariate_balance() -> None:
    table = pd.DataFrame({"covariate": ["age", "size"], "before": [1.0, 0.5], "after": [0.1, -0.2]})
    assert covariate_balance(table).status == "passed"
    found = covariate_balance(table.assign(after=[0.1, -0.4]))
    assert found.status == "failed"
    assert "size differs by 0.40" in found.message


def test_strength() -> None:
    assert strength(30).status == "passed"
    assert strength(12).status == "failed"


def test_independent_rows() -> None:
    assert independent_rows(CROSS).status == "passed"
    assert "change: true" in independent_rows(panel()).message
    data = pd.DataFrame({"y": [1.0, 2.0], "town": [1, 1]})
    assert "clusters (town)" in independent_rows(make_panel(data, Columns("y", cluster="town"))).message


@pytest.mark.parametrize(
    ("columns", "design", "text"),
    [
        (replace(SIMPLE, weights="w"), Staggered(), "weights that staggered adoption does not use"),
        (replace(SIMPLE, covariates=("w",)), Synthetic(), "covariates that synthetic does not use"),
        (Columns("y"), TwoWay(), "a column in this role for two-way fixed effects"),
        (
            replace(SIMPLE, weights="w", covariates=("x",)),
            Adjusted(method="matching", change=True),
            "method: weighting",
        ),
    ],
)
def test_a_column_is_neither_missed_nor_ignored(columns: Columns, design: Design, text: str) -> None:
    data = simple_panel().assign(w=1.0, x=lambda d: np.sin(d["firm"]))
    with pytest.raises(InputErrors, match=text):
        estimate(make_panel(data, columns), design)
