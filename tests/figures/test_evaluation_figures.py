from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from sme_analysis.evaluation import (
    Adjusted,
    Bunching,
    Columns,
    Design,
    Discontinuity,
    EventStudy,
    Instrumental,
    Synthetic,
    TwoWay,
    estimate,
    make_panel,
)
from sme_analysis.figures import evaluation as draw

RNG = np.random.default_rng(1)
UNIT, TIME = np.divmod(np.arange(240), 6)
LONG = pd.DataFrame(
    {"i": UNIT, "t": TIME + 1, "g": np.where(UNIT < 10, 4, 0), "r": RNG.normal(size=40)[UNIT]}
)
LONG["y"] = RNG.normal(size=240) + (LONG["g"] > 0) * (LONG["t"] >= 4)
CROSS = pd.DataFrame({"r": RNG.uniform(0, 10, 900), "z": RNG.normal(size=900)})
CROSS["d"] = (CROSS["z"] + RNG.normal(size=900) > 0).astype(float)
CROSS["y"] = CROSS["d"] + RNG.normal(size=900)
OVER_TIME = Columns("y", "i", "t", "g")


@pytest.mark.parametrize(
    ("data", "columns", "design", "seen"),
    [
        (LONG, OVER_TIME, TwoWay(), "term"),
        (LONG, OVER_TIME, EventStudy(), "term"),
        (LONG, OVER_TIME, Synthetic(placebos=5), "synthetic"),
        (CROSS, Columns("y", running="r"), Discontinuity(cutoffs=(5.0,), placebos=0), "side"),
        (CROSS, Columns("y", treatment="d", instruments=("z",)), Instrumental(), "p_value"),
        (CROSS, Columns("y", treatment="d", covariates=("z",)), Adjusted(), "score"),
        (
            CROSS,
            Columns("r", running="r"),
            Bunching(cap=5, width=0.25, below=0.5, above=0.5, reach=4, order=2, draws=20),
            "smooth",
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_design_has_a_picture_of_what_it_looks_at(
    data: pd.DataFrame, columns: Columns, design: Design, seen: str
) -> None:
    fig, shown = draw.effect_plot(estimate(make_panel(data, columns), design), "log points")
    assert isinstance(fig, Figure)
    assert seen in shown
    fig.draw_without_rendering()


def test_an_infinite_bound_runs_to_the_edge() -> None:
    data = pd.DataFrame(
        {
            "design": ["a", "b"],
            "estimate": [1.0, 2.0],
            "low": [-np.inf, 1.0],
            "high": [2.0, 3.0],
            "failed": [1, 0],
        }
    )
    ax = draw.designs_plot(data, "points", truth=1.5).axes[0]
    left, right = ax.get_xlim()
    xs = np.asarray(ax.lines[0].get_xdata(), dtype=float)
    assert xs[0] == left
    assert right > 3.0


def test_an_event_study_shades_what_was_before() -> None:
    table = pd.DataFrame(
        {"term": [-2, 0, 1], "estimate": [0.0, 1.0, 2.0], "low": [-1.0, 0.0, 1.0], "high": [1.0, 2.0, 3.0]}
    )
    ax = draw.event_study_plot(table, "log points").axes[0]
    assert any("before the start" in text.get_text() for text in ax.texts)


def test_bounds_and_plans_mark_what_does_not_hold() -> None:
    bounds = pd.DataFrame(
        {"size": [0.0, 1.0], "low": [0.1, -0.1], "high": [0.2, 0.3], "excludes_zero": [True, False]}
    )
    assert isinstance(draw.sensitivity_plot(bounds, "log points"), Figure)
    table = pd.DataFrame(
        {
            "roll_out": ["a", "a", "b"],
            "design": ["x", "y", "x"],
            "bias": [0.0, 0.1, 0.2],
            "coverage": [0.9, 0.5, 0.1],
            "honest": [True, False, False],
        }
    )
    fig = draw.roll_out_plot(table, 0.9)
    colors = [patch.get_facecolor() for ax in fig.axes[::2] for patch in ax.patches]
    assert len(set(colors)) == 2
    curve = pd.DataFrame({"design": ["x", "x"], "effect": [0.0, 0.1], "power": [0.1, 0.8]})
    assert isinstance(draw.power_plot(curve, 0.05), Figure)
