"""Every shipped scenario gives what it gave; a result that is meant to move is accepted by `make golden`."""

import importlib.util
import json
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("golden", Path(__file__).parents[2] / "tools" / "golden.py")
assert _SPEC is not None
assert _SPEC.loader is not None
golden = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(golden)


def _near(found, kept):
    if isinstance(kept, dict):
        return found.keys() == kept.keys() and all(_near(found[k], kept[k]) for k in kept)
    if isinstance(kept, list):
        return len(found) == len(kept) and all(map(_near, found, kept))
    if kept is None or found is None:
        return found is kept
    # the unknowns of a year are solved to 1e-9; the last digits differ between processors
    return found == pytest.approx(kept, rel=2e-5, abs=1e-8)


def test_every_scenario_has_a_golden_result_and_no_other():
    assert sorted(path.stem for path in golden.FOLDER.glob("*.json")) == golden.names()


@pytest.mark.parametrize("name", golden.names())
def test_golden(name):
    kept = json.loads((golden.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    found = golden.result(name)
    moved = [key for key in kept if not _near(found.get(key), kept[key])]
    assert found.keys() == kept.keys()
    assert not moved, (
        f"{name}: {', '.join(moved)} moved, for example {moved[0]} from {kept[moved[0]]} to {found[moved[0]]}. "
        f"If that is meant, `make golden` accepts it; say in CHANGELOG.md what moved and why."
    )
