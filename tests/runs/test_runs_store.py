"""How a run takes its place, and what it never takes the place of."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sme_analysis.errors import UserError
from sme_analysis.runs import artifacts, store

DEAD = 2**22 + 1  # above the greatest process number


def write_run(folder: Path, text: str, status: str = "good") -> None:
    artifacts.write_bytes(folder / store.INDEX, text.encode())
    artifacts.seal(folder, {"format": store.FORMAT, "fingerprint": text, "status": status})


def make(target: Path, text: str, *, good: bool = True) -> Path:
    place = store.Place(target)
    with store.staged(place) as folder:
        write_run(folder, text, "good" if good else "failed")
        return store.settle(place, good=good)


def told(folder: Path) -> str:
    return (folder / store.INDEX).read_text()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_run_replaces_an_older_one_and_a_failed_one(tmp_path: Path) -> None:
    target = tmp_path / "out"
    make(target, "first", good=False)
    assert names(tmp_path) == ["out.failed"]
    make(target, "second")
    make(target, "third")
    assert told(target) == "third"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("folder", ["out", "out.failed"])
@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("good", [True, False])
def test_files_of_the_user_are_never_lost(folder: str, ours: bool, good: bool, tmp_path: Path) -> None:
    if ours:
        write_run(tmp_path / folder, "a run")
    artifacts.write_bytes(tmp_path / folder / "notes" / "thesis.txt", b"mine")
    with pytest.raises(UserError, match=r"thesis\.txt was not written by a run"):
        make(tmp_path / "out", "new", good=good)
    assert (tmp_path / folder / "notes" / "thesis.txt").read_bytes() == b"mine"
    assert names(tmp_path) == [folder]


def test_what_viewers_leave_behind_does_not_count(tmp_path: Path) -> None:
    make(tmp_path / "out", "first")
    artifacts.write_bytes(tmp_path / "out" / "notebooks" / ".ipynb_checkpoints" / "x.ipynb", b"x")
    artifacts.write_bytes(tmp_path / "out" / ".DS_Store", b"x")
    make(tmp_path / "out", "second")
    assert told(tmp_path / "out") == "second"
    artifacts.write_bytes(tmp_path / "out" / ".git" / "HEAD", b"x")
    with pytest.raises(UserError, match=r"\.git/HEAD"):
        make(tmp_path / "out", "third")


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("good", [True, False])
def test_a_move_that_is_cut_short_puts_back_what_stood_there(
    error: type[BaseException], good: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    make(target, "old", good=good)
    before = names(tmp_path)
    rename: Callable[[Path, Path], Path] = Path.rename

    def cut_short(path: Path, other: Path) -> Path:
        if ".partial-" in path.name:
            raise error
        return rename(path, other)

    monkeypatch.setattr(Path, "rename", cut_short)
    with pytest.raises((KeyboardInterrupt, store.StoreError)):
        make(target, "new", good=good)
    assert names(tmp_path) == before
    assert told(tmp_path / before[0]) == "old"


@pytest.mark.parametrize("good", [True, False])
def test_a_run_killed_between_two_moves_is_put_back_by_the_next(good: bool, tmp_path: Path) -> None:
    target = tmp_path / "out"
    settled = make(target, "old", good=good)
    settled.rename(tmp_path / f".out.old-{DEAD}")
    (tmp_path / f".out.partial-{DEAD}").mkdir()
    with store.staged(store.Place(target)):
        assert told(settled) == "old"
    assert names(tmp_path) == [settled.name]


def test_an_old_run_goes_where_the_new_one_stands(tmp_path: Path) -> None:
    target = tmp_path / "out"
    make(target, "new")
    shutil.copytree(target, tmp_path / f".out.old-{DEAD}")
    make(target, "newer")
    assert names(tmp_path) == ["out"]
    assert told(target) == "newer"
