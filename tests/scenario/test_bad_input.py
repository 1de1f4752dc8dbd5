"""Every mistake is named with its place, what is allowed, and the nearest right thing; all at once."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from sme_analysis.errors import InputErrors, Problem, UserError
from sme_analysis.scenario import check_files, load_scenario

Write = Callable[..., Path]


def only(file: Path) -> Problem:
    """Return the one problem of a file."""
    problems = check_files([file])
    assert len(problems) == 1, "\n".join(map(str, problems))
    return problems[0]


@pytest.mark.parametrize(
    ("line", "given", "allowed", "hint"),
    [
        (
            "risk_compensation.los_share: 60%",
            "unknown key",
            "catalogue",
            "mean risk_compensation.loss_share?",
        ),
        ("loss_share: 60%", "unknown key", "catalogue", "mean risk_compensation.loss_share?"),
        ("risk_compensation: 60%", "unknown key", "catalogue", "is a group"),
        ("risk_compensation.loss_share: 80m", "an amount of money", "a share", ""),
        ("risk_compensation.loss_share: 60", "without a unit", "a share", 'write "60%"'),
        ("risk_compensation.loss_share: 120%", "above the highest", "0 % to 90 %", "90 %"),
        ("risk_compensation.loss_share: .nan", "not a finite number", "a share", ""),
        ("risk_compensation.loss_share:", "nothing", "a share", ""),
        ("risk_compensation.loss_share: [60%]", "60%", "a share", ""),
        ("risk_compensation.loss_share: {value: 60%}", "60%", "a share", ""),
        ("risk_compensation.fund: -5m", "below the lowest", "CNY 0 to CNY 5 bn", "CNY 0"),
        ("risk_compensation.fund: 5%", "a share or rate", "an amount in yuan", ""),
        ("horizon.start: 2020-06", "below the lowest", "2020-07 to 2040-12", "2020-07"),
        ("horizon.years: 2 years", "a length of time", "a whole number", "write 2"),
        ("special_fund.active: maybe", "maybe", "true or false", ""),
        ("credit_incentive.base: roling", "roling", "one of fixed, rolling", "did you mean rolling?"),
        ("special_fund.eligible_sizes: [micro, smal]", "smal", "micro, small, medium", "did you mean small?"),
    ],
)
def test_one_bad_change(write: Write, line: str, given: str, allowed: str, hint: str) -> None:
    problem = only(write(f"changes:\n  {line}\n"))
    assert problem.where.startswith("mine.yaml, line 5, ")
    assert line.partition(":")[0] in problem.where
    assert given in problem.given
    assert allowed in problem.allowed
    assert hint in (problem.hint or "")


def test_all_problems_at_once(write: Write) -> None:
    file = write(
        "titel: x\nextends: haixi-2021\nchanges:\n  risk_compensation.loss_share: 120%\n"
        "  risk_compensation.fund: 50\n  bank.presision: 40%\n  bank.precision: 30%\n"
        "  bank:\n    precision: 20%\n",
        heading=False,
    )
    with pytest.raises(InputErrors) as caught:
        load_scenario(file)
    places = [problem.where for problem in caught.value.problems]
    assert sorted(places) == sorted(
        [
            "mine.yaml, line 1, titel",
            "mine.yaml, title",
            "mine.yaml, author",
            "mine.yaml, reference",
            "mine.yaml, line 2, extends",
            "mine.yaml, line 4, risk_compensation.loss_share",
            "mine.yaml, line 5, risk_compensation.fund",
            "mine.yaml, line 6, bank.presision",
            "mine.yaml, line 9, bank.precision",
        ]
    )
    text = str(caught.value)
    assert "9 problems found" in text
    assert "did you mean title?" in text
    assert "did you mean haixi-2020?" in text


def test_errors_travel_between_processes() -> None:
    errors = InputErrors([Problem("a", "b", "c"), Problem("d", "e", "f", "g")])
    again = pickle.loads(pickle.dumps(errors))
    assert str(again) == str(errors)
    assert again.problems == errors.problems


def test_a_scenario_that_does_not_exist() -> None:
    for name in ("haixi2020", "haixi2020.yaml", "elsewhere/haixi2020.yaml"):
        with pytest.raises(InputErrors, match=r"did you mean haixi-2020\?") as caught:
            load_scenario(name)
        assert "no-policy" in caught.value.problems[0].allowed


@pytest.mark.parametrize("name", ["", "\0", "x" * 5000, "x" * 5000 + ".yaml", "a/\0.yaml"])
def test_impossible_names(name: str) -> None:
    with pytest.raises(UserError, match=r"which does not exist|nothing"):
        load_scenario(name)


def test_missing_parent(write: Write) -> None:
    problem = only(write("extends: haixi\n"))
    assert problem.where == "mine.yaml, line 4, extends"
    assert problem.given == '"haixi", which does not exist'
    assert problem.hint == "did you mean haixi-2020?"
    assert "does not exist" in only(write("extends: ./other.yaml\n")).given


def test_circular_parents(write: Write) -> None:
    write("extends: ./second.yaml\n", "first")
    second = write("extends: ./first.yaml\n", "second")
    problem = only(second)
    assert problem.where == "first.yaml, line 4, extends"
    assert problem.given == "circular parents: second → first → second"
    assert "mine → mine" in only(write("extends: mine\n")).given


def test_problems_of_a_parent_are_reported_with_the_childs(write: Write) -> None:
    write("changes: {bank.precision: 40}\n", "parent")
    child = write("extends: parent\nchanges: {bank.margin: 2}\n", "child")
    assert [problem.where for problem in check_files([child])] == [
        "parent.yaml, line 4, bank.precision",
        "child.yaml, line 5, bank.margin",
    ]


@pytest.mark.parametrize(
    ("text", "line", "given", "hint"),
    [
        ("changes: [1\n", 5, "syntax error", None),
        ("changes:\n\tbank.margin: 1%\n", 5, "syntax error", "spaces"),
        ("changes:\n  bank.margin: %5\n", 5, "syntax error", "quotes"),
        ("changes:\n  bank.margin: 1%\n bank.precision: 40%\n", 6, "syntax error", None),
        ("---\ntitle: another\n", 4, "another document", "---"),
        ("changes: *other\n", 4, "undefined alias", None),
    ],
)
def test_yaml_syntax(write: Write, text: str, line: int, given: str, hint: str | None) -> None:
    problem = only(write(text))
    assert problem.where == f"mine.yaml, line {line}"
    assert given in problem.given
    assert hint is None or hint in (problem.hint or "")


def test_duplicated_keys_all_of_them(write: Write) -> None:
    file = write("title: again\nchanges:\n  bank.margin: 1%\n  bank.margin: 2%\n  bank.precision: 9%\n")
    problems = check_files([file])
    assert [problem.where for problem in problems] == [
        "mine.yaml, line 4, title",
        "mine.yaml, line 7, changes.bank.margin",
    ]
    assert "line 6 already" in problems[1].given


def test_files_that_are_no_scenario(desk: Path) -> None:
    binary = desk / "binary.yaml"
    binary.write_bytes(bytes(range(256)))
    assert only(binary).given == "a binary file"
    empty = desk / "empty.yaml"
    empty.write_text("")
    assert only(empty).given == "an empty file"
    comment = desk / "comment.yaml"
    comment.write_text("# nothing yet\n")
    assert only(comment).given == "an empty file"
    folder = desk / "folder.yaml"
    folder.mkdir()
    assert only(folder).given == "a folder"
    top = desk / "list.yaml"
    top.write_text("- risk_compensation.loss_share: 60%\n")
    assert only(top).given == "a list at the top"
    word = desk / "word.yaml"
    word.write_text("hello\n")
    assert only(word).given == "a single value at the top"
    chinese = desk / "gbk.yaml"
    chinese.write_bytes("title: x\nauthor: 海西\n".encode("gbk"))
    assert only(chinese).where == "gbk.yaml, line 2"
    assert "GBK" in (only(chinese).hint or "")
    huge = desk / "huge.yaml"
    huge.write_text("#" * 2_100_000)
    assert "bytes" in only(huge).given
    deep = desk / "deep.yaml"
    deep.write_text("[" * 600)
    assert "nested very deeply" in only(deep).given
    braces = desk / "braces.yaml"
    braces.write_text("{}\n")
    assert len(check_files([braces])) == 3


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file(write: Write) -> None:
    file = write("changes: {}\n")
    file.chmod(0)
    assert "cannot be read" in only(file).given


def test_a_byte_order_mark_is_no_problem(desk: Path) -> None:
    file = desk / "bom.yaml"
    file.write_text("title: x\nauthor: y\nreference: z\n", encoding="utf-8-sig")
    assert check_files([file]) == []


@pytest.mark.parametrize(
    ("text", "where", "given"),
    [
        ("changes: 60%\n", "mine.yaml, line 4, changes", '"60%"'),
        ("changes: [risk_compensation.loss_share]\n", "mine.yaml, line 4, changes", "a list"),
        ("extends: [a, b]\n", "mine.yaml, line 4, extends", "a list or mapping"),
        ("extends:\n", "mine.yaml, line 4, extends", "nothing"),
        ("description: ''\n", "mine.yaml, line 4, description", "nothing"),
        ("bank.margin: 1%\n", "mine.yaml, line 4, bank.margin", "an unknown field"),
        ("? [1, 2]\n: 3\n", "mine.yaml, line 4", "a list or mapping as a key"),
        ("changes: &a\n  bank: *a\n", "mine.yaml, line 4, changes.bank", "an alias"),
    ],
)
def test_odd_shapes(write: Write, text: str, where: str, given: str) -> None:
    problems = check_files([write(text)])
    assert (problems[0].where, given) == (where, given)
    assert given in problems[0].given


def test_a_misplaced_key_is_told_where_to_go(write: Write) -> None:
    assert only(write("risk_compensation.fund: 80m\n")).hint == "indent it under changes:"


@pytest.mark.parametrize("changes", [["a"], "risk_compensation.fund=80m", 3])
def test_overrides_that_are_no_mapping(changes: object) -> None:
    with pytest.raises(InputErrors, match="keys with values"):
        load_scenario("haixi-2020", changes=changes)  # type: ignore[arg-type]


def test_overrides_are_named_by_their_origin() -> None:
    with pytest.raises(InputErrors) as caught:
        load_scenario(
            "haixi-2020",
            changes={"bank.margin": 3, "bank": {"margin": "1%"}, "x": None, "bank.precision": float("nan")},
            origin="--set",
        )
    assert [problem.where for problem in caught.value.problems] == [
        "--set, bank.margin",
        "--set, x",
        "--set, bank.margin",
        "--set, bank.precision",
    ]


def test_problems_of_scenario_and_overrides_come_together(write: Write) -> None:
    with pytest.raises(InputErrors) as caught:
        load_scenario(write("changes: {bank.margin: 3}\n"), changes={"bank.precision": 40})
    assert len(caught.value.problems) == 2


def test_a_clash_is_placed_where_the_change_was_made(write: Write) -> None:
    problem = only(write("changes:\n  bank.margin: 5%\n"))
    assert problem.where == "mine.yaml, line 5, bank.margin"
    assert "7.13 %" in problem.given
