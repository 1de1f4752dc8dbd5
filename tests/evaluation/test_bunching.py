from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.evaluation import Bunching, Columns, Effect, estimate, make_panel

DESIGN = Bunching(cap=10, width=0.25, below=0.5, above=2, reach=5, order=4)


def loans(seed: int = 1, moved: float = 0.5, n: int = 40_000) -> np.ndarray:
    """Loan sizes, CNY million; a share of those between 10 and 12 asks for at most 10."""
    rng = np.random.default_rng(seed)
    x = rng.lognormal(0, 0.6, n) * 5
    goes = (x > 10) & (x < 12) & (rng.random(n) < moved)
    return np.where(goes, 9.5 + 0.5 * rng.random(n), x)


def run(x: np.ndarray, design: Bunching = DESIGN) -> Effect:
    return estimate(make_panel(pd.DataFrame({"loan": x}), Columns("loan", running="loan")), design)


def test_it_counts_who_moved() -> None:
    found = run(loans())
    before = loans(moved=0.0)
    truth = 0.5 * ((before > 10) & (before < 12)).sum()
    many = found.table.set_index("term").loc["too many below"]
    assert abs(many["estimate"] - truth) < 3 * many["standard_error"]
    assert found.failed == []


def test_nobody_bunches_where_nothing_changes_at_the_cap() -> None:
    low, high = run(loans(moved=0.0)).interval(0.95)
    assert low < 0 < high


def test_the_cap_itself_counts_as_below() -> None:
    x = np.concatenate([loans(moved=0.0), np.full(500, 10.0)])
    assert run(x).table.set_index("term").loc["too many below", "estimate"] == pytest.approx(500, abs=120)


def test_checks_fail_where_mass_is_made_a_density_is_rough_or_the_order_decides() -> None:
    made = run(np.concatenate([loans(moved=0.0), np.full(900, 9.9)]))
    assert "moved, not made" in made.failed
    rough = loans()
    heaped = run(np.where(np.arange(len(rough)) % 3 == 0, np.round(rough), rough))
    assert "smooth density" in heaped.failed
    wide = Bunching(cap=10, width=0.25, below=2.5, above=4.5, reach=5, order=2)
    assert "order of the polynomial" in run(loans(), wide).failed


def test_what_it_cannot_carry_is_refused() -> None:
    with pytest.raises(InputErrors) as caught:
        run(loans(n=120), Bunching(cap=30, width=1, below=0.5, above=2, reach=3))
    assert "at least 100" in str(caught.value)
    assert "below at least one bin" in str(caught.value)
    assert "polynomial of order 5" in str(caught.value)
