"""The figures: sound, sourced, true to the evidence, and never mixed."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from sme_analysis.errors import InputErrors, UserError
from sme_analysis.scenario import load_catalogue, project_root
from sme_analysis.scenario.figures import COLUMNS, GRADES, figure, load_figures, series

SHARED = project_root().parent / "shared"
EVIDENCE = SHARED / "evidence"
needs_evidence = pytest.mark.skipif(
    not EVIDENCE.exists(), reason="the evidence pack is not beside the checkout"
)
# What the catalogue cites that is a formula or a sign, not an amount.
NO_AMOUNTS = {"basel.corr.corp", "basel.corr.sme", "lit.saito_tsuruta.coverage"}
# Evidence states an amount of these in words or as a ratio.
SPLIT = ("cn.guar.4321.", "cn.guar.xining_pool.", "haixi.structure.", "cn.interest_subsidy_rule.")
ROW = "a.b,5%,4%,6%,rate,2020,China,rate of something,a yearbook,statistic,true,"


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: str, header: str = ",".join(COLUMNS)) -> Path:
        path = tmp_path / "figures.csv"
        path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
        return path

    return write


def found(path: Path) -> list[tuple[str, str, str | None]]:
    with pytest.raises(InputErrors) as caught:
        load_figures(path)
    return [
        (problem.where.partition(", ")[2], problem.given, problem.hint) for problem in caught.value.problems
    ]


# Figures from the macro series, or derived, that the evidence pack does not have.
BEYOND = ("cn.loans_by_size.", "cn.chfs2013.granted", "qh.microloan_")
MACRO = SHARED / "data" / "china_macro"


def evidence() -> dict[str, dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    for name in ("evidence_derived.csv", "evidence.csv"):
        with (EVIDENCE / name).open(encoding="utf-8") as handle:
            rows |= {row["key"]: row for row in csv.DictReader(handle)}
    with (EVIDENCE / "lpr_1y_monthly.csv").open(encoding="utf-8") as handle:
        rows |= {
            f"cn.lpr1y.{row['month']}": {
                "value": row["lpr_1y"],
                "unit": "% p.a.",
                "low": "",
                "high": "",
                "status": "read" if row["status"] == "VERIFIED" else "unconfirmed",
            }
            for row in csv.DictReader(handle)
        }
    return rows


def inner(amount: str, unit: str) -> float:
    """Return an amount of the evidence pack as a fraction, in CNY million or in years."""
    scales = {
        "%": "0.01",
        "pp": "0.01",
        "trillion yuan": "1000000",
        "bn yuan": "1000",
        "m yuan": "1",
        "million yuan": "1",
        "thousand yuan": "0.001",
        "per mille": "0.001",
    }
    scale = next((Decimal(s) for text, s in scales.items() if unit.startswith(text)), Decimal(1))
    divisor = {"days": 365, "months": 12}.get(unit, 1)
    return float(Decimal(amount) * scale / divisor)


def test_shipped_figures_are_sound() -> None:
    figures = load_figures()
    assert tuple(figures.columns) == COLUMNS
    assert len(figures) >= 180
    assert set(figures["grade"]) == set(GRADES)
    assert figures["confirmed"].dtype == bool
    assert figures["value"].notna().all()


def test_what_is_read_is_a_copy() -> None:
    figures = load_figures()
    figures["value"] = 0.0
    assert (load_figures()["value"] != 0).all()


def test_shares_and_rates_are_fractions() -> None:
    figures = load_figures().set_index("unit")["value"]
    assert figures["share"].between(0, 1).all()
    assert figures["rate"].abs().max() < 1
    assert figure("cn.incl_msme_rate.nfra.2020").value == 0.0588
    assert figure("cn.incl_msme_loans.pboc.2020").value == 15_100_000
    assert figure("cn.oecd.b2b_delay").value == pytest.approx(38 / 365)


def test_published_splits_add_up() -> None:
    for prefix in ("cn.guar.4321.", "cn.guar.xining_pool.", "haixi.structure.2019."):
        figures = load_figures()
        assert figures.loc[figures["key"].str.startswith(prefix), "value"].sum() == pytest.approx(1)


@needs_evidence
def test_figures_are_those_of_the_evidence() -> None:
    published = evidence()
    for row in load_figures().itertuples():
        if row.key.startswith((*SPLIT, *BEYOND)) or row.key == "cn.formal_informal_mix":
            continue
        given = published[row.key]
        assert row.value == pytest.approx(inner(given["value"], given["unit"]), rel=1e-12), row.key
        if row.key != "qh.mean_loan":  # its upper bound is the mean of another year
            for bound in ("low", "high"):
                ours = getattr(row, bound)
                if given[bound]:
                    assert ours == pytest.approx(inner(given[bound], given["unit"]), rel=1e-12), row.key
                else:
                    assert pd.isna(ours), row.key


@needs_evidence
def test_only_what_was_read_is_confirmed() -> None:
    published = evidence()
    for row in load_figures().itertuples():
        if row.key.startswith(BEYOND):
            assert not row.confirmed
            continue
        key = row.key if row.key in published else row.key.rpartition(".")[0]
        assert row.confirmed == (published[key].get("status") == "read"), row.key


@pytest.mark.skipif(not MACRO.exists(), reason="the macro series are not beside the checkout")
def test_figures_from_the_macro_series() -> None:
    loans = pd.read_csv(MACRO / "bank_loans_by_firm_size_industry_2009_2016.csv")
    loans = loans[(loans["year"] == 2016) & (loans["industry"] == "行业合计")].set_index("firm_size")
    for key, size in (("micro", "微型企业"), ("small", "小型企业"), ("medium", "中型企业")):
        published = float(loans.loc[size, "loans_100m_cny"]) * 100
        assert figure(f"cn.loans_by_size.2016.{key}").value == pytest.approx(published, rel=1e-9)
    companies = pd.read_csv(MACRO / "microloan_companies_province_2010_2022.csv")
    last = companies[(companies["year"] == 2022) & (companies["province"] == "青海省")].iloc[-1]
    assert figure("qh.microloan_balance.2022").value == pytest.approx(last["slc_balance"] * 100, rel=1e-9)


def test_derived_figures_follow_from_those_they_name() -> None:
    value = {key: figure(f"cn.loans_by_size.2016.{key}").value for key in ("micro", "small", "medium")}
    assert figure("cn.loans_by_size.2016.medium_share").value == pytest.approx(
        value["medium"] / sum(value.values()), abs=5e-4
    )
    obtained, rejected = (figure(f"cn.chfs2013.loan_{k}").value for k in ("obtained", "rejected"))
    assert figure("cn.chfs2013.granted").value == pytest.approx(obtained / (obtained + rejected), abs=5e-4)
    balance, loans = figure("qh.microloan_balance.2022").value, figure("qh.incl_msme_loans.2025").value
    assert figure("qh.microloan_share").value == pytest.approx(balance / loans, abs=5e-4)


@needs_evidence
def test_prime_rate_has_every_change_and_no_other() -> None:
    monthly = pd.read_csv(EVIDENCE / "lpr_1y_monthly.csv")
    steps = monthly[monthly["lpr_1y"].diff() != 0]
    expected = dict(zip(steps["month"], steps["lpr_1y"] / 100, strict=True))
    expected[monthly["month"].iloc[-1]] = monthly["lpr_1y"].iloc[-1] / 100
    rates = series("cn.lpr1y")
    assert dict(zip(rates["year"], rates["value"], strict=True)) == pytest.approx(expected)


def test_every_figure_that_a_parameter_cites_is_here() -> None:
    keys = load_figures()["key"].tolist()
    for parameter, record in load_catalogue().items():
        for cited in record.evidence:
            here = [key for key in keys if key == cited or key.startswith(f"{cited}.")]
            assert here or cited in NO_AMOUNTS, f"{parameter} cites {cited}"
            if record.confirmed:
                assert all(figure(key).confirmed for key in here), f"{parameter} cites {cited} as confirmed"


def test_one_figure() -> None:
    one = figure("haixi.incl_msme_loans")
    assert (one.value, one.low, one.high, one.confirmed) == (6800, 4200, 11400, False)
    assert one.text == "CNY 6.8 bn"
    assert figure("cn.lpr1y.2024-10").low is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.value = 0.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("haixi.gdp.203", "did you mean haixi.gdp.2023"),
        ("qh.gpd", "did you mean qh.gdp"),
        ("cn.guar.xining_pool", "there are cn.guar.xining_pool.city, "),
    ],
)
def test_unknown_key(key: str, hint: str) -> None:
    with pytest.raises(UserError, match=hint):
        figure(key)


def test_series_in_order_of_time() -> None:
    loans = series("cn.incl_msme_loans.pboc")
    assert loans["date"].is_monotonic_increasing
    assert loans["definition"].nunique() == 1
    assert loans.set_index("year").loc["2019Q3", "date"] == pd.Timestamp("2019-09-30")
    assert list(series("cn.relending_msme")["value"]) == [0.025, 0.0225, 0.02, 0.0175, 0.015]


@pytest.mark.parametrize("prefix", ["cn.incl_msme_loans", "cn.incl_msme_rate", "cn.npl", "lit", "haixi"])
def test_series_refuses_mixed_definitions(prefix: str) -> None:
    with pytest.raises(UserError, match=f"{prefix} mixes figures of more than one definition"):
        series(prefix)


def test_series_names_the_series_to_ask_for() -> None:
    with pytest.raises(UserError) as caught:
        series("cn.incl_msme_loans")
    assert "- cn.incl_msme_loans.pboc: PBoC" in str(caught.value)
    assert "- cn.incl_msme_loans.nfra: NFRA" in str(caught.value)


@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        ("cn.guar.xining_pool", "are of the same time"),
        ("sme.pd.grade", "no year"),
        ("cn.lpr2y", "did you mean cn.lpr1y"),
    ],
)
def test_what_is_no_series_is_refused(prefix: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        series(prefix)


def test_series_does_not_take_longer_names() -> None:
    assert list(series("haixi.gdp")["key"]) == ["haixi.gdp.2023", "haixi.gdp.2024"]
    with pytest.raises(UserError, match="no figure"):
        series("haixi.gd")


def test_a_sound_file_of_ones_own(file: Callable[..., Path]) -> None:
    frame = load_figures(
        file(ROW, "", '"c.d",3.5bn,,,money,2018-2020,Qinghai,"sum, of things",a book,law,false,"x, y"')
    )
    assert frame["value"].tolist() == [0.05, 3500]
    assert frame["definition"].tolist() == ["rate of something", "sum, of things"]
    assert frame["low"].isna().tolist() == [False, True]


def test_every_problem_at_once(file: Callable[..., Path]) -> None:
    path = file(
        ROW,
        ROW,
        ROW.replace("a.b", "A b"),
        ROW.replace("a.b,5%", "a.c,5"),
        ROW.replace("a.b,5%", "a.d,9%"),
        ROW.replace("a.b", "a.e").replace("rate,2020", "rat,20-20"),
        ROW.replace("a.b", "a.f").replace("statistic,true", "statistics,yes"),
        ROW.replace("a.b,5%,4%", "a.g,,4 m"),
    )
    assert found(path) == [
        ("line 3, a.b", "a key that stands above already", None),
        ("line 4, A b, key", '"A b"', None),
        ("line 5, a.c, value", '"5", without a unit', 'write "5%"'),
        ("line 6, a.d", "9%, with a range from 4% to 6%", None),
        ("line 7, a.e, unit", '"rat"', "did you mean rate?"),
        ("line 7, a.e, year", '"20-20"', None),
        ("line 8, a.f, grade", '"statistics"', "did you mean statistic?"),
        ("line 8, a.f, confirmed", '"yes"', None),
        ("line 9, a.g, value", "nothing", None),
        ("line 9, a.g, low", '"4 m", an amount of money', None),
    ]


def test_columns_are_checked(file: Callable[..., Path]) -> None:
    header = ",".join(COLUMNS).replace("definition", "definitoin")
    assert found(file(ROW, header=header)) == [
        ("line 1", "a column definitoin", "did you mean definition?"),
        ("line 1", "no column definition", None),
    ]
    assert found(file(ROW, header=",".join(COLUMNS).replace("low", "high")))[0][0] == "line 1"


def test_cells_are_counted(file: Callable[..., Path]) -> None:
    assert found(file(ROW.replace("rate of", "rate, of"), "a.c,5%")) == [
        ("line 2", "13 cells", "a cell with a comma stands in double quotes"),
        ("line 3", "2 cells", None),
    ]


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "figures.csv"
    path.write_bytes("a,统计".encode("gbk"))
    with pytest.raises(InputErrors, match="CSV UTF-8"):
        load_figures(path)
    with pytest.raises(InputErrors, match="cannot be read"):
        load_figures(tmp_path / "none.csv")


def test_an_edited_file_is_read_again(file: Callable[..., Path]) -> None:
    assert load_figures(file(ROW))["value"].tolist() == [0.05]
    assert load_figures(file(ROW, ROW.replace("a.b", "a.c")))["value"].tolist() == [0.05, 0.05]
