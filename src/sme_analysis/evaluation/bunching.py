"""Bunching: how many units more than a smooth density would have stand at a cap, and how far they moved to be there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.evaluation.checks import complete
from sme_analysis.evaluation.design import Bunching
from sme_analysis.evaluation.effect import Check, Effect, coefficients, make_effect
from sme_analysis.evaluation.panel import Panel

Array = npt.NDArray[np.float64]


def histogram(running: Array, design: Bunching) -> tuple[Array, Array]:
    """Left edges and counts of bins of `width`; the cap closes a bin, so that who is exactly at it stands below."""
    reach = int(np.floor(design.reach / design.width))
    place = np.ceil((running - design.cap) / design.width - 1e-9).astype(int) - 1
    inside = (place >= -reach) & (place < reach)
    counts = np.bincount(place[inside] + reach, minlength=2 * reach).astype(float)
    return np.asarray(design.cap + design.width * np.arange(-reach, reach), dtype=float), counts


def density(edges: Array, counts: Array, design: Bunching) -> Array:
    """Counts had nobody bunched: a polynomial in the bin, fitted outside [cap - below, cap + above] (Kleven 2016, section 2)."""
    middle = (edges + design.width / 2 - design.cap) / design.reach
    powers = np.vander(middle, design.order + 1)
    outside = ~_window(edges, design)
    fitted: Array = powers @ np.linalg.lstsq(powers[outside], counts[outside], rcond=None)[0]
    return fitted


def excess(edges: Array, counts: Array, fitted: Array, design: Bunching) -> tuple[float, float, float]:
    """Units too many below the cap, too few above, and the mean move b = excess / density at the cap × width."""
    window = _window(edges, design)
    below, above = (
        window & (edges < design.cap - 1e-9 * design.width),
        window & (edges >= design.cap - 1e-9 * design.width),
    )
    many = float((counts - fitted)[below].sum())
    few = float((fitted - counts)[above].sum())
    height = float(fitted[window].mean())
    return many, few, many / height * design.width


def bunching(panel: Panel, design: Bunching) -> Effect:
    """Mean move of units towards a cap, in units of the running variable; errors by resampling residuals of the fit."""
    running = panel.frame["running"].to_numpy(dtype=float)
    edges, counts = histogram(running, design)
    _refuse(edges, counts, design)
    fitted = density(edges, counts, design)
    many, few, move = excess(edges, counts, fitted, design)
    generator = np.random.Generator(np.random.Philox(key=[design.seed, 41]))
    outside = ~_window(edges, design)
    left = (counts - fitted) / np.sqrt(np.maximum(fitted, 1.0))
    drawn = []
    for _ in range(design.draws):
        shock = generator.choice(left[outside], size=len(counts)) * np.sqrt(np.maximum(fitted, 1.0))
        sample = np.where(outside, fitted + shock, counts + shock)
        drawn.append(excess(edges, sample, density(edges, sample, design), design))
    errors = np.array(drawn).std(axis=0, ddof=1)
    table = coefficients(
        ["mean move", "too many below", "too few above"],
        np.array([move, many, few]),
        errors[[2, 0, 1]],
        design.level,
    )
    return make_effect(
        panel, design.name, estimate=move, error=float(errors[2]), level=design.level, table=table,
        checks=[
            complete(panel), _fit_check(left[outside]), _adding_up(many, few, errors),
            _steady(edges, counts, move, errors[2], design),
        ],
        measures=f"The mean move towards the cap of {design.cap:g}",
        n=int(counts.sum()), scope=f"{int(counts.sum()):,} of {len(running):,} rows within {design.reach:g} of the cap",
        data={"histogram": pd.DataFrame({"running": edges + design.width / 2, "count": counts, "smooth": fitted})},
    )  # fmt: skip


def _window(edges: Array, design: Bunching) -> npt.NDArray[np.bool_]:
    small = 1e-9 * design.width
    found: npt.NDArray[np.bool_] = (edges >= design.cap - design.below - small) & (
        edges < design.cap + design.above - small
    )
    return found


def _refuse(edges: Array, counts: Array, design: Bunching) -> None:
    problems = []
    outside = int((~_window(edges, design)).sum())
    if outside <= design.order + 3:
        given = f"{outside} bins outside the window for a polynomial of order {design.order}"
        problems.append(
            Problem(
                "options, reach", given, f"more than {design.order + 3}", "a larger reach or smaller width"
            )
        )
    if design.below < design.width or design.above < 0:
        given = f"below {design.below:g}, above {design.above:g}"
        problems.append(Problem("options, below and above", given, "below at least one bin, above 0 or more"))
    if counts.sum() < 100:
        problems.append(
            Problem("data, running", f"{counts.sum():.0f} rows within reach of the cap", "at least 100")
        )
    if problems:
        raise InputErrors(problems)


def _fit_check(left: Array) -> Check:
    size = float(np.sqrt((left**2).mean()))
    message = f"Outside the window counts differ from the smooth density by {size:.1f} of chance's size."
    return Check("smooth density", "failed" if size > 2 else "passed", message)


def _adding_up(many: float, few: float, errors: Array) -> Check:
    gap = abs(many - few) / max(float(np.hypot(errors[0], errors[1])), 1e-300)
    message = (
        f"{many:,.0f} too many below, {few:,.0f} too few above: they differ by {gap:.1f} standard errors."
    )
    return Check("moved, not made", "failed" if gap > 2 else "passed", message)


def _steady(edges: Array, counts: Array, move: float, error: float, design: Bunching) -> Check:
    others = [replace(design, order=order) for order in (design.order - 1, design.order + 1) if order > 0]
    moves = [excess(edges, counts, density(edges, counts, other), other)[2] for other in others]
    worst = max(abs(other - move) for other in moves)
    message = f"Another order of the polynomial moves the estimate by {worst / max(error, 1e-300):.1f} standard errors."
    return Check("order of the polynomial", "failed" if worst > 2 * error else "passed", message)
