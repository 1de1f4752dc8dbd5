"""Parameters past their review: which count, from which day, and in which words."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_analysis.errors import UserError
from sme_analysis.scenario import load_scenario
from sme_analysis.scenario.freshness import (
    TODAY_VARIABLE,
    Overdue,
    current_date,
    overdue,
    relied_on,
    sentence,
    valid_until,
)

PARAMETERS = load_scenario("haixi-2020").parameters
FAR = dt.date(2035, 1, 1)


def item(number: int, day: dt.date = dt.date(2027, 6, 30)) -> Overdue:
    return Overdue(f"bank.p{number}", f"Parameter {number}", day, 1)


def test_a_parameter_is_overdue_from_the_day_after_its_review() -> None:
    day = valid_until(PARAMETERS)
    assert overdue(PARAMETERS, day) == ()
    found = overdue(PARAMETERS, day + dt.timedelta(days=1))
    assert found
    assert {(entry.review_by, entry.days) for entry in found} == {(day, 1)}
    for entry in found:
        assert entry.label == PARAMETERS.catalogue[entry.key].label


def test_the_oldest_comes_first() -> None:
    found = overdue(PARAMETERS, FAR)
    days = [entry.days for entry in found]
    assert days == sorted(days, reverse=True)
    assert len(set(days)) > 1
    assert all((FAR - entry.review_by).days == entry.days for entry in found)


@pytest.mark.parametrize("group", ["relending", "risk_compensation", "stress"])
def test_what_is_switched_off_does_not_count(group: str) -> None:
    off = PARAMETERS.replace({f"{group}.active": False})
    on = PARAMETERS.replace({f"{group}.active": True})
    keys = {key for key in PARAMETERS if key.startswith(f"{group}.")}
    assert keys
    assert not keys & {entry.key for entry in overdue(off, FAR)}
    assert {entry.key for entry in overdue(on, FAR)} - {entry.key for entry in overdue(off, FAR)} == keys


def test_groups_without_a_switch_always_count() -> None:
    catalogue = PARAMETERS.catalogue
    switched = {key.removesuffix(".active") for key in catalogue if key.endswith(".active")}
    everything_off = {f"{group}.active": False for group in switched}
    found = {entry.key for entry in overdue(PARAMETERS.replace(everything_off), FAR)}
    assert found == {key for key, record in catalogue.items() if record.group not in switched}


@settings(deadline=None)
@given(st.dates(dt.date(2020, 1, 1), dt.date(2045, 1, 1)), st.integers(0, 4000))
def test_what_is_overdue_stays_so_and_begins_with_the_first_review(today: dt.date, later: int) -> None:
    now = {entry.key for entry in overdue(PARAMETERS, today)}
    then = {entry.key for entry in overdue(PARAMETERS, today + dt.timedelta(days=later))}
    assert now <= then
    assert bool(now) == (today > valid_until(PARAMETERS))


def test_values_of_another_catalogue_count_as_far_as_they_are_known() -> None:
    records = relied_on({"bank.margin": 0.01, "gone.parameter": 1}, PARAMETERS.catalogue)
    assert [record.key for record in records] == ["bank.margin"]


def test_the_sentence_names_how_many_since_when_and_which() -> None:
    assert sentence([]) == ""
    assert sentence([item(1)]) == (
        "1 parameter was due for review on 2027-06-30: Parameter 1. See its source."
    )
    three = [item(1), item(2), item(3, dt.date(2028, 6, 30))]
    assert sentence(three) == (
        "3 parameters were due for review, the oldest on 2027-06-30: Parameter 1; Parameter 2; Parameter 3. "
        "See their sources."
    )
    assert "Parameter 3 and 2 more. See" in sentence([item(number) for number in range(1, 6)])


def test_the_day_is_todays_unless_the_environment_names_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TODAY_VARIABLE, " 2035-01-01 ")
    assert current_date() == FAR
    monkeypatch.setenv(TODAY_VARIABLE, "")
    assert abs((current_date() - dt.datetime.now(dt.UTC).date()).days) <= 1
    monkeypatch.delenv(TODAY_VARIABLE)
    assert abs((current_date() - dt.datetime.now(dt.UTC).date()).days) <= 1


@pytest.mark.parametrize("text", ["tomorrow", "2035-13-01", "01.02.2035", "2035-01-01T00:00"])
def test_a_bad_day_is_refused_in_a_sentence(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TODAY_VARIABLE, text)
    with pytest.raises(UserError, match="2027-06-30") as caught:
        current_date()
    assert TODAY_VARIABLE in str(caught.value)
    assert text in str(caught.value)
