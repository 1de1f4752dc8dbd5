"""The catalogue is complete, sourced and consistent; a bad record is refused with its place."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pytest

from sme_analysis.errors import InputErrors, UserError
from sme_analysis.scenario import Catalogue, load_catalogue, project_root
from sme_analysis.scenario.catalogue import GROUP_ORDER
from sme_analysis.scenario.units import NUMERIC_UNITS, parse

EVIDENCE = project_root().parent / "shared" / "evidence" / "evidence.csv"
GOOD = """\
  value: 50%
  unit: share
  range: [0%, 90%]
  label: A share
  description: What it is, in a sentence.
  grade: assumption
  source: Assumption.
  review_by: 2028-06-30
"""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def test_groups_in_the_order_of_reading(catalogue: Catalogue) -> None:
    assert catalogue.groups == GROUP_ORDER


def test_labels_are_short_and_tell_parameters_apart(catalogue: Catalogue) -> None:
    labels = [record.label for record in catalogue.values()]
    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= 60


def test_every_default_is_within_its_range_and_its_distribution_within_both(catalogue: Catalogue) -> None:
    for record in catalogue.values():
        record.check_range(record.value)
        if record.unit in NUMERIC_UNITS:
            assert record.low is not None
            assert record.high is not None
            assert record.low < record.high, record.key
        if record.distribution is not None:
            assert record.distribution.low <= record.value <= record.distribution.high, record.key


def test_uncertain_quantities_have_a_distribution(catalogue: Catalogue) -> None:
    exempt = {"horizon", "simulation", "stress"}
    certain = {
        "market.risk_weight",
        "market.lender_nodes",
        "firms.smallest_offer_spread",
        "risk_compensation.annual_cap",
    }
    for record in catalogue.values():
        if record.unit in NUMERIC_UNITS and record.group not in exempt and record.key not in certain:
            assert record.distribution is not None, record.key


def test_what_is_assumed_says_so(catalogue: Catalogue) -> None:
    for record in catalogue.values():
        if record.grade == "assumption":
            assert record.source.startswith(
                ("Assumption", "Free choice", "Numerical choice", "Start: assumption")
            )
        if record.grade in {"statistic", "estimate", "expert"}:
            assert record.evidence, record.key


def test_sources_are_confirmed_only_if_every_figure_was_read(catalogue: Catalogue) -> None:
    if not EVIDENCE.is_file():
        pytest.skip("the evidence table (../shared/evidence) is not here")
    with EVIDENCE.open(encoding="utf-8", newline="") as file:
        status = {row["key"]: row["status"] for row in csv.DictReader(file)}
    with EVIDENCE.with_name("evidence_derived.csv").open(encoding="utf-8", newline="") as file:
        status |= {row["key"]: "derived" for row in csv.DictReader(file)}
    for record in catalogue.values():
        assert set(record.evidence) <= set(status), record.key
        if record.evidence:
            assert record.confirmed == all(status[key] == "read" for key in record.evidence), record.key


def test_articles_of_the_instruments(catalogue: Catalogue) -> None:
    rests_on = {
        "special_fund": 7,
        "innovation_fund": 13,
        "credit_incentive": 15,
        "relending": 15,
        "risk_compensation": 16,
        "loan_guarantee": 16,
        "loan_insurance": 17,
        "credit_rating": 18,
        "incubators": 23,
        "arrears_clearance": 25,
        "emergency_relief": 26,
    }
    for group, article in rests_on.items():
        for record in catalogue.values():
            if record.group == group:
                assert article in record.article, record.key


def test_reviews_lie_ahead_of_the_first_release(catalogue: Catalogue) -> None:
    assert all(record.review_by > dt.date(2026, 12, 31) for record in catalogue.values())


def test_what_a_record_shows_it_reads(catalogue: Catalogue) -> None:
    for record in catalogue.values():
        assert record.parse(record.show(record.value)) == record.value, record.key
        if record.low is not None:
            assert parse(record.show(record.low), record.unit) == record.low


def test_the_catalogue_is_read_again_when_edited(project: Path) -> None:
    file = project / "parameters" / "catalogue" / "service_efficiency.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("value: 80%", "value: 7.5%"), encoding="utf-8")
    assert load_catalogue()["service_efficiency.awareness"].value == 0.075


def load(folder: Path, text: str) -> Catalogue:
    (folder / "group.yaml").write_text(text, encoding="utf-8")
    return load_catalogue(folder)


def test_a_good_record(tmp_path: Path) -> None:
    record = load(tmp_path, f"group.a:\n{GOOD}")["group.a"]
    assert (record.value, record.low, record.high, record.confirmed) == (0.5, 0.0, 0.9, False)
    assert record.range_text == "0 % to 90 %"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("value: 50%", "value: 5", 2, 'write "5%"'),
        ("value: 50%", "value: 95%", 1, "above the highest"),
        ("unit: share", "unit: shares", 3, "'share'"),
        ("range: [0%, 90%]", "range: 90%", 1, "a list of two values"),
        ("range: [0%, 90%]", "range: [0%, 90m]", 4, "an amount of money"),
        ("  range: [0%, 90%]\n", "", 1, "have a range"),
        ("label: A share", "lable: A share", 5, "did you mean label?"),
        ("grade: assumption", "grade: guess", 7, "'assumption'"),
        ("grade: assumption", "grade: assumption\n  article: [33]", 8, "no article 33"),
        ("grade: assumption", "grade: assumption\n  confirmed: true", 1, "confirmed without evidence"),
        ("review_by: 2028-06-30", "review_by: soon", 9, "date"),
        ("  source: Assumption.\n", "", 1, "nothing"),
        (
            "grade: assumption",
            "grade: assumption\n  distribution: {shape: uniform, low: 60%, high: 20%}",
            8,
            "low must lie below high",
        ),
        (
            "grade: assumption",
            "grade: assumption\n  distribution: {shape: uniform, low: 60%, high: 120%}",
            1,
            "above the highest",
        ),
        (
            "grade: assumption",
            "grade: assumption\n  distribution: {shape: triangular, low: 60%, high: 80%}",
            8,
            "has a mode",
        ),
        ("grade: assumption", "grade: assumption\n  choices: [a, b]", 1, "list their choices"),
    ],
)
def test_a_bad_record_is_refused(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    assert old in GOOD
    with pytest.raises(InputErrors) as caught:
        load(tmp_path, "group.a:\n" + GOOD.replace(old, new))
    text = str(caught.value)
    assert f"group.yaml, line {line}, group.a" in text
    assert said in text


def test_all_bad_records_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputErrors) as caught:
        load(tmp_path, f"group.a: 3\ngroup.A-b:\n{GOOD}other.c:\n{GOOD}group.d:\n{GOOD}group.d:\n{GOOD}")
    text = str(caught.value)
    assert "group.a" in text
    assert "group.A-b" in text
    assert "the group other" in text
    assert "group.d" in text


def test_a_folder_without_a_catalogue(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no YAML file"):
        load_catalogue(tmp_path)


def test_an_unknown_key(catalogue: Catalogue) -> None:
    with pytest.raises(KeyError, match=r"did you mean bank\.margin\?"):
        catalogue["bank.margn"]
    assert "bank.margn" not in catalogue
    suggestion = catalogue.suggest("special_fund")
    assert suggestion is not None
    assert suggestion.startswith("special_fund is a group")
