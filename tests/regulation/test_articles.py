"""Every article has its place, and what it says of itself agrees with the text and with the catalogue."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from sme_analysis.errors import UserError
from sme_analysis.regulation import ARTICLES, Article, article, articles_table
from sme_analysis.scenario import load_catalogue, project_root

NOTEBOOKS = {
    "00_regulation",
    "01_baseline",
    "02_special_funds",
    "03_risk_compensation",
    "04_credit_incentives",
    "05_policy_package",
    "06_stress",
    "07_incidence_and_cost",
}
TEXT = project_root().parent / "shared" / "regulation" / "haixi-msme-regulation-2020.zh.txt"
DIGITS = "一二三四五六七八九"
NUMBERS = {one.number: one for one in ARTICLES}


def chinese(number: int) -> str:
    tens, ones = divmod(number, 10)
    ten = "" if tens == 0 else ("" if tens == 1 else DIGITS[tens - 1]) + "十"
    return ten + (DIGITS[ones - 1] if ones else "")


def law(path: Path) -> dict[int, str]:
    """Return the printed text of each article, without its line breaks."""
    text = re.sub(r"\s", "", path.read_text(encoding="utf-8"))
    # The heading of the law stands in the middle of article 2, where the printed page has it.
    return {
        number: text.split(f"第{chinese(number)}条")[1].split(f"第{chinese(number + 1)}条")[0]
        for number in range(1, 33)
    }


def test_all_32_articles_stand_in_order() -> None:
    assert [one.number for one in ARTICLES] == list(range(1, 33))


def test_every_article_says_something_in_both_languages() -> None:
    for one in ARTICLES:
        assert 3 <= len(one.subject) <= 110
        assert re.fullmatch(r"[\u4e00-\u9fff、“”]+", one.subject_zh)
        assert one.treatment.endswith(".")
        assert one.notebooks
        assert set(one.notebooks) <= NOTEBOOKS


def test_subjects_tell_articles_apart() -> None:
    assert len({one.subject for one in ARTICLES}) == len({one.subject_zh for one in ARTICLES}) == 32


@pytest.mark.parametrize("one", ARTICLES, ids=lambda one: f"article {one.number}")
def test_parameters_agree_with_the_catalogue(one: Article) -> None:
    catalogue = load_catalogue()
    for name in one.parameters:
        assert name in catalogue or catalogue.is_prefix(name), f"{name} is neither a parameter nor a group"
    resting = {key for key, record in catalogue.items() if one.number in record.article}
    assert set(one.keys(catalogue)) == resting, "articles.yaml and `article:` in the catalogue differ"


@pytest.mark.parametrize("one", ARTICLES, ids=lambda one: f"article {one.number}")
def test_status_agrees_with_what_there_is(one: Article) -> None:
    catalogue = load_catalogue()
    assert one.modelled == (one.status != "no financing channel")
    if one.modelled:
        assert one.parameters
        assert set(one.instruments) <= set(catalogue.groups)
    else:
        assert not one.instruments
    switches = [
        catalogue[f"{name}.active"].value for name in one.instruments if f"{name}.active" in catalogue
    ]
    if one.status == "off by default":
        assert switches
        assert not any(switches)
    elif one.status == "modelled" and switches:
        assert any(switches)


def test_every_policy_group_rests_on_an_article() -> None:
    catalogue = load_catalogue()
    named = {name for one in ARTICLES for name in one.instruments}
    policies = {key.partition(".")[0] for key in catalogue if key.endswith(".active")} - {"stress"}
    assert named == policies | {"policy_credibility"}
    for name in policies:
        assert all(record.article for record in catalogue.values() if record.group == name), name


def test_every_channel_is_modelled() -> None:
    off = {one.number for one in ARTICLES if one.status == "off by default"}
    assert off == {6, 21, 23}
    modelled = {one.number for one in ARTICLES if one.status == "modelled"}
    assert {7, 8, 13, 15, 16, 17, 18, 19, 20, 24, 25, 26, 28, 31} <= modelled


def test_only_risk_compensation_addresses_the_prefecture_alone() -> None:
    assert [one.number for one in ARTICLES if one.level == "prefecture"] == [16]


@pytest.mark.skipif(not TEXT.exists(), reason="the Chinese text is not beside the checkout")
def test_force_agrees_with_the_text() -> None:
    texts = law(TEXT)
    shall = {number for number, text in texts.items() if re.search("应当|不得", text)}
    assert {one.number for one in ARTICLES if one.force == "duty"} == shall | {20, 26}
    assert {n for n, text in texts.items() if "可以委托" in text} == {
        one.number for one in ARTICLES if one.force == "may"
    }
    assert all("鼓励" in texts[one.number] for one in ARTICLES if one.force == "encourage")


@pytest.mark.skipif(not TEXT.exists(), reason="the Chinese text is not beside the checkout")
def test_level_agrees_with_the_text() -> None:
    for number, text in law(TEXT).items():
        assert (NUMBERS[number].level == "county") == ("自治州县级以上" in text), number


def test_article_by_number() -> None:
    assert article(16).instruments == ("risk_compensation", "loan_guarantee")
    with pytest.raises(UserError, match="no article 33: the regulation has articles 1 to 32"):
        article(33)


def test_articles_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        article(7).subject = "x"  # type: ignore[misc]


def test_groups_are_written_out() -> None:
    keys = ("special_fund.budget", "special_fund_other.budget", "firms.entry")
    assert article(7).keys(keys) == ("special_fund.budget",)


@pytest.mark.parametrize("change", [{"force": "shall"}, {"status": "later"}, {"levle": "county"}])
def test_a_mistake_in_the_registry_is_refused(change: dict[str, str]) -> None:
    entry = {**dataclasses.asdict(article(1)), **change}
    with pytest.raises(ValidationError, match=next(iter(change))):
        TypeAdapter(Article).validate_python(entry)


def test_table() -> None:
    table = articles_table()
    assert list(table.index) == list(range(1, 33))
    assert set(table.columns) == {field.name for field in dataclasses.fields(Article)} - {"number"}
    assert not table.isna().any(axis=None)
    assert (table != "").all(axis=None)
    assert table.loc[10, "instruments"] == "–"
