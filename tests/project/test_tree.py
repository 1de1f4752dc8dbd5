"""The tree works on any machine: no paths of one, a whole wheel, a set-up that explains itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A path of somebody's machine, put together here so that this file holds none.
MACHINE_PATH = re.compile("/" + r"(?:work|root|home/[a-z]+|tmp/[a-z]+|Users/[A-Za-z]+)" + r"(?:/|\b(?=/))")


def tracked() -> list[Path]:
    """Files in git or about to be; skips where the tree is no checkout."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout: what is tracked cannot be listed")
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # a picture or a Parquet file


def test_no_file_names_a_path_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked()
        if path.suffix != ".lock"
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_text_files_end_their_lines_alike() -> None:
    assert [path.name for path in tracked() if b"\r\n" in path.read_bytes() and text_of(path)] == []


@pytest.mark.slow
def test_the_wheel_carries_the_files_beside_the_modules(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling is not installed (extra `dev`)")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    source = ROOT / "src"
    wanted = {path.relative_to(source).as_posix() for path in tracked() if path.is_relative_to(source)}
    assert wanted - packed == set()


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_setup_without_a_fitting_python_says_what_is_needed(tmp_path: Path) -> None:
    command = ["make", "setup", "PYTHON=no-such-python", f"VENV={(tmp_path / 'venv').as_posix()}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "needs Python 3.11 or newer; looked for: no-such-python" in done.stderr
    assert not (tmp_path / "venv").exists()
