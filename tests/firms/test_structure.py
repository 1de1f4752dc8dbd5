"""How entities are spread over strata, and what is refused in the file that says so."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_analysis.errors import InputErrors
from sme_analysis.firms.structure import allocate, load_structure, strata
from sme_analysis.regulation import INDUSTRIES
from sme_analysis.scenario import project_root

SHIPPED = project_root() / "data" / "industry_structure.csv"


def edited(folder: Path, *changes: tuple[str, str]) -> Path:
    text = SHIPPED.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "structure.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_structure_is_complete() -> None:
    table = load_structure()
    assert list(table.index) == list(INDUSTRIES)
    assert table["enterprise_share"].sum() == pytest.approx(1)
    assert table["individual_share"].sum() == pytest.approx(1)
    assert (table["source"].str.len() > 0).all()


def test_an_edited_file_is_read_again(tmp_path: Path) -> None:
    path = edited(tmp_path)
    assert load_structure(path).loc["agri", "enterprise_small"] == 0.2
    edited(tmp_path, ("0.780,0.200,0.020,0.010", "0.770,0.210,0.020,0.010"))
    assert load_structure(path).loc["agri", "enterprise_small"] == 0.21


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    path = edited(
        tmp_path, ("retail,", "retial,"), ("catering,0.030", "catering,1.3"), ("post,0.005", "post,")
    )
    with pytest.raises(InputErrors) as error:
        load_structure(path)
    text = str(error.value)
    for piece in (
        "line 6",
        "did you mean retail",
        "no row for industry retail",
        "catering",
        "1.3",
        "nothing",
    ):
        assert piece in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("agri,0.100", "agri,0.200"), "column enterprise_share"),
        (("0.100,0.030", "0.100,0.130"), "column individual_share"),
        (("0.780,0.200,0.020", "0.780,0.300,0.020"), "= 1.1"),
        (("enterprise_medium", "enterprise_middle"), "no column enterprise_medium"),
        (("industry,0.090", "agri,0.090"), "for the second time"),
    ],
)
def test_a_structure_that_does_not_add_up_is_refused(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    with pytest.raises(InputErrors, match=message):
        load_structure(edited(tmp_path, change))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputErrors, match=r"none\.csv"):
        load_structure(tmp_path / "none.csv")


@given(entities=st.floats(1e3, 1e6), share=st.floats(0.1, 0.6))
def test_strata_add_to_the_entities(entities: float, share: float) -> None:
    table = strata({"firms.entities": entities, "firms.enterprise_share": share}, load_structure())
    assert table["entities"].sum() == pytest.approx(entities, rel=1e-12)
    assert not table.duplicated(["legal_form", "industry", "size_class"]).any()
    assert "medium" not in set(table.loc[table["legal_form"] == "individual_business", "size_class"])


@given(entities=st.lists(st.floats(1e-3, 1e5), min_size=1, max_size=90), more=st.integers(0, 100_000))
def test_every_stratum_gets_rows_and_none_is_lost(entities: list[float], more: int) -> None:
    rows = len(entities) + more
    got = allocate(np.array(entities), np.ones(len(entities)), rows)
    assert got.sum() == rows
    assert got.min() >= (2 if rows >= 2 * len(entities) else 1)


def test_more_entities_never_get_fewer_rows() -> None:
    entities = np.array([1.0, 10.0, 100.0, 1000.0])
    assert pd.Series(allocate(entities, np.ones(4), 500)).is_monotonic_increasing
