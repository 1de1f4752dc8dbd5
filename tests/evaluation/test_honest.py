from __future__ import annotations

import numpy as np
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.evaluation import (
    EventStudy,
    Panel,
    Staggered,
    TwoWay,
    breakdown,
    estimate,
    make_panel,
    sensitivity,
)
from sme_analysis.evaluation.honest import Moments, relative, smooth
from tests.evaluation.conftest import SIMPLE, simple_panel

# Benzarti and Carloni (2019), event study of log profits, as shipped with the R package HonestDiD (BCdata_EventStudy)
B = [
    0.006696351804,
    0.02934503369,
    -0.006472972222,
    0.0730149895,
    0.1959611177,
    0.3120639026,
    0.2395415455,
    0.1260425001,
]
UPPER = [
    [8.428358124e-4, 4.768686777e-4, 2.618051076e-4, 2.354220342e-4, 1.676371467e-4, 1.128707663e-4, 1.992816e-5, -1.3682654e-4],
    [6.425420288e-4, 3.987425007e-4, 2.435515198e-4, 2.201960306e-4, 1.804591157e-4, 3.84376508e-5, -2.960421989e-5],
    [5.229949602e-4, 2.11768609e-4, 1.840722252e-4, 1.45852784e-4, 7.005197403e-5, 5.952994979e-5],
    [3.089595411e-4, 1.197866077e-4, 1.334081317e-4, 1.016335009e-4, 1.079051726e-4],
    [3.59970436e-4, 2.478818642e-4, 1.749579242e-4, 1.654256921e-4],
    [4.263949813e-4, 2.171437809e-4, 2.892747871e-4],
    [4.886697861e-4, 3.805322049e-4],
    [7.61739444e-4],
]  # fmt: skip
FIRST = np.eye(4)[0]


def benzarti_carloni() -> Moments:
    v = np.zeros((8, 8))
    for i, row in enumerate(UPPER):
        v[i, i:] = v[i:, i] = row
    return Moments(np.array(B), v, 4)


def small() -> Moments:
    """Three periods before, five after, errors of .05 to .07 correlated by .6 a period."""
    b = np.array([0.02, -0.01, 0.03, 0.15, 0.20, 0.25, 0.22, 0.18])
    error = np.array([0.060, 0.050, 0.055, 0.050, 0.052, 0.060, 0.065, 0.070])
    lag = np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    return Moments(b, np.outer(error, error) * 0.6**lag, 3)


def test_relative_magnitudes_equal_the_authors_program() -> None:
    """R HonestDiD 0.2.8, C-LF at M-bar = 1: [.0706, .3184] on a grid of steps .0038."""
    found = relative(benzarti_carloni(), FIRST, 1.0, 0.95)
    assert np.allclose(found, (0.07055, 0.31844), atol=0.005)


@pytest.mark.parametrize(
    ("size", "low", "high"),
    [
        (0.5, 0.031031, 0.28328),
        (1.0, -0.003003, 0.33734),
        (1.5, -0.053053, 0.39339),
        (2.0, -0.10511, 0.45345),
    ],
)
def test_relative_magnitudes_of_growing_size(size: float, low: float, high: float) -> None:
    """HonestDiD.jl, README, C-LF: grid of steps .002, critical value from 1,000 draws."""
    assert np.allclose(relative(small(), np.eye(5)[0], size, 0.95), (low, high), atol=0.006)


@pytest.mark.parametrize(
    ("size", "low", "high"), [(0.0, 0.13141, 0.21617), (0.1, 0.11944, 0.41851), (0.2, 0.01944, 0.51851)]
)
def test_smoothness_equals_the_authors_program(size: float, low: float, high: float) -> None:
    """R HonestDiD, fixed-length intervals, vignette values at M = 0, .1, .2."""
    assert np.allclose(smooth(benzarti_carloni(), FIRST, size, 0.95), (low, high), atol=1e-3)


def test_one_period_after_needs_no_nuisance() -> None:
    part = small()
    one = Moments(part.b[:4], part.v[:4, :4], 3)
    narrow, wide = relative(one, np.ones(1), 0.5, 0.95), relative(one, np.ones(1), 1.5, 0.95)
    assert wide[0] < narrow[0] < 0.15 < narrow[1] < wide[1]


def test_bounds_widen_and_break_down(mpdta: Panel) -> None:
    found = estimate(mpdta, Staggered(average="dynamic", base="universal"))
    table = sensitivity(found, "relative", [0.0, 0.25, 0.5, 1.0], average=True)
    width = (table["high"] - table["low"]).to_numpy()
    assert (np.diff(width) > 0).all()
    assert bool(table["excludes_zero"].iloc[0])
    assert not table["excludes_zero"].iloc[-1]
    assert breakdown(table) in (0.0, 0.25, 0.5)


def test_nothing_excluded_has_no_breakdown(mpdta: Panel) -> None:
    found = estimate(mpdta, Staggered(average="dynamic", base="universal"))
    assert np.isnan(breakdown(sensitivity(found, "relative", [2.0])))


def test_a_strong_effect_survives() -> None:
    found = estimate(make_panel(simple_panel(noise=0.2), SIMPLE), EventStudy())
    assert breakdown(sensitivity(found, "relative", [0.5, 1.0])) == 1.0


def test_coverage_under_departures_as_large_as_allowed() -> None:
    """True effect 0, the step after the start as large as the largest before it: the 90 % set at M-bar = 1 covers."""
    rng = np.random.default_rng(5)
    v = 0.01 * (0.5 * np.eye(4) + 0.5)
    truth = np.array([-0.3, 0.0, 0.3, 0.6])  # trend of .3 a period through the reference
    root = np.linalg.cholesky(v)
    hits = [
        low <= 0 <= high
        for low, high in (
            relative(Moments(truth + root @ rng.standard_normal(4), v, 2), np.eye(2)[0], 1.0, 0.9)
            for _ in range(60)
        )
    ]
    assert np.mean(hits) >= 0.85


@pytest.mark.parametrize(
    ("design", "text"),
    [
        (TwoWay(), "joint covariance"),
        (Staggered(average="dynamic"), "universal"),
        (Staggered(method="imputation"), "joint"),
    ],
)
def test_what_has_no_joint_covariance_is_refused(mpdta: Panel, design: TwoWay, text: str) -> None:
    with pytest.raises(InputErrors, match=text):
        sensitivity(estimate(mpdta, design), "relative", [1.0])


def test_an_unknown_restriction_is_refused(mpdta: Panel) -> None:
    with pytest.raises(InputErrors, match="relative or smooth"):
        sensitivity(estimate(mpdta, EventStudy()), "relativ", [1.0])
