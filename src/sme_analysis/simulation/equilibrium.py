"""Equilibrium within a year: the cost of funds and what the instruments must find, solved together."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sme_analysis.errors import UserError
from sme_analysis.instruments import OpenYear, Year
from sme_analysis.market.credit import Conditions, Credit, Kept, Market
from sme_analysis.market.levers import NO_LEVERS, Levers

Array = npt.NDArray[np.float64]
FAINTEST = 1e-3  # of counterfactual lending: below it, on a wild step of the search, the cost of funds falls no further
TOLERANCE = 1e-9
MOST_KEPT = 200_000  # firms whose offers without policy are kept while a year is solved: 240 bytes each
CALMING = ((0.5, 40), (0.25, 60), (0.1, 60))
DAMPED_PASSES = 80
MOST_PASSES = 30  # for Broyden's method; what has not settled by then is solved by bracketing


class NoEquilibrium(UserError):
    """The year's unknowns did not settle; nothing is reported for such a year."""


@dataclass(frozen=True)
class Start:
    """A first guess: cost of funds, each instrument's unknowns, inverse Jacobian of the residual."""

    funding_cost: float
    unknowns: tuple[Array, ...]
    inverse: Array


@dataclass(frozen=True)
class Equilibrium:
    """A solved year: the pass at the solution, the levers in force, each instrument's unknowns, and how it was found."""

    credit: Credit
    levers: Levers
    unknowns: tuple[Array, ...]
    funding_cost: float
    passes: int
    residual: float
    inverse: Array

    @property
    def start(self) -> Start:
        """The solution as a first guess for a like problem."""
        return Start(self.funding_cost, self.unknowns, self.inverse)


def solve_year(
    market: Market,
    year: Year,
    opened: list[OpenYear],
    lending0: float,
    guess: Start | None = None,
    out: Array | None = None,
) -> Equilibrium:
    """Solve a policy year.

    The cost of funds is cof = cof0 + eta ln(L/L0) with L0 the counterfactual lending of the year (CNY million); each
    instrument adds its unknowns (fund credibility, the marginal share of a reward, where a queue closes). All are found
    as one fixed point to 1e-9, from `guess` where one is given.

    Raises
    ------
    NoEquilibrium : the unknowns did not settle
    """
    p = market.parameters
    cof0, eta = p["market.funding_cost"], p["market.funding_slope"]
    sizes = [len(o.unknowns) for o in opened]
    cuts = np.cumsum([1, *sizes])
    found: dict[str, Equilibrium] = {}
    plain = market.inputs(year.state, NO_LEVERS) if year.share < 1 else None
    x = market.inputs(year.state, NO_LEVERS)
    written = steady = NO_LEVERS
    for instrument in opened:
        if not len(instrument.unknowns):  # what does not depend on the market is composed once
            steady = instrument.levers(steady, instrument.unknowns)
    kept = Kept(market) if market.size <= MOST_KEPT else None

    def answer(v: Array) -> Array:
        nonlocal written
        parts = tuple(v[a:b] for a, b in itertools.pairwise(cuts))
        levers = steady
        for instrument, unknowns in zip(opened, parts, strict=True):
            if len(unknowns):
                levers = instrument.levers(levers, unknowns)
        conditions = Conditions(float(v[0]), cof0)
        market.update(x, year.state, levers, written)
        written = levers
        credit = market.run(year.state, conditions, levers, out=out, inputs=x, kept=kept)
        if plain is not None:  # loans made before the policy was in force
            before = market.run(year.state, conditions, NO_LEVERS, inputs=plain, kept=kept)
            credit.mix(before, year.share)
        lending = credit.lending
        cof = cof0 + eta * np.log(max(lending / lending0, FAINTEST))
        new = np.concatenate([[cof], *(o.respond(credit, u) for o, u in zip(opened, parts, strict=True))])
        found["last"] = Equilibrium(
            credit, levers, parts, float(v[0]), 0, float(np.max(np.abs(new - v))), start
        )
        return new

    if guess is not None:
        for session, unknowns in zip(opened, guess.unknowns, strict=True):
            session.start_from(unknowns)
    start = np.concatenate([[cof0 if guess is None else guess.funding_cost], *(o.unknowns for o in opened)])
    try:
        passes, inverse, _ = fixed_point(answer, start, None if guess is None else guess.inverse)
    except NoEquilibrium:
        stiff = [int(cut) for cut, o in zip(cuts[:-1], opened, strict=True) if o.stiff]
        if not stiff:
            raise
        passes = bracketed(answer, start, stiff[0])
        inverse = -np.eye(len(start))
    return replace(found["last"], passes=passes, inverse=inverse)


def bracketed(answer: Callable[[Array], Array], start: Array, index: int) -> int:
    """Solve for one unknown in [0, 1] whose answer falls as it rises, by bracketing, the others within each step.

    A thin fund is such a case: the more lenders trust it the more they enrol, and the less it can be trusted.
    """
    count = 0
    others = np.arange(len(start)) != index
    latest = start.copy()

    def gap(value: float) -> float:
        nonlocal count, latest

        def reduced(v: Array) -> Array:
            full = np.insert(v, index, value)
            rest: Array = answer(full)[others]
            return rest

        calls, _, settled = fixed_point(reduced, latest[others])
        full = np.insert(settled, index, value)
        new = answer(full)
        latest = full
        count += calls + 1
        return float(new[index] - value)

    low, high = 0.0, 1.0
    gap_low, gap_high = gap(low), gap(high)
    if gap_high >= -TOLERANCE:
        return count
    for _ in range(80):
        # regula falsi, kept inside the bracket (Illinois); halving where it creeps
        middle = high - gap_high * (high - low) / (gap_high - gap_low)
        value = gap(middle)
        if abs(value) <= TOLERANCE:
            return count
        if value > 0:
            low, gap_low, gap_high = middle, value, 0.5 * gap_high
        else:
            high, gap_high, gap_low = middle, value, 0.5 * gap_low
        if high - low < 1e-15:
            break
    raise NoEquilibrium(
        f"no equilibrium: the credibility of the fund could not be found between {low:.9f} and {high:.9f}. "
        "Try a larger fund, a lower loss share or more firms in the sample."
    )


def fixed_point(
    answer: Callable[[Array], Array], start: Array, inverse: Array | None = None
) -> tuple[int, Array, Array]:
    """Iterate to v = answer(v) within 1e-9 in every unknown: by Broyden's method, and by Newton's where that wanders.

    Parameters
    ----------
    answer : the map; unknowns after the first are held within [0, 1]
    inverse : inverse Jacobian of answer(v) - v from a like problem (the year before), which saves most of the steps

    Returns
    -------
    Number of calls, the inverse Jacobian and the solution

    Raises
    ------
    NoEquilibrium : neither method settles
    """
    try:
        return broyden(answer, start, inverse)
    except NoEquilibrium:
        found = newton(answer, start) or newton(answer, _calmed(answer, start))
        if found is None:
            raise
        return found


def _calmed(answer: Callable[[Array], Array], start: Array) -> Array:
    """A point from which Newton's method is tried once more: instruments that answer to each other swing for long."""
    v = start.copy()
    for damping, passes in CALMING:
        for _ in range(passes):
            v = _held(v + damping * (answer(v) - v))
    return v


def newton(answer: Callable[[Array], Array], start: Array) -> tuple[int, Array, Array] | None:
    """Newton's method with differences for the Jacobian, from a point that damped iteration has brought near; None if it fails.

    It costs a pass an unknown and step, and takes what Broyden's method cannot: unknowns that start at a bound, and a queue whose
    place jumps over firms that enrol nothing as others come and go.
    """
    v, calls = start.copy(), 0
    residual = answer(v) - v
    for _ in range(DAMPED_PASSES):
        v = _held(v + 0.5 * residual)
        residual = answer(v) - v
        calls += 1
        if float(np.max(np.abs(residual))) <= 1e-6:
            break
    for _ in range(25):
        size = float(np.max(np.abs(residual)))
        if size <= TOLERANCE:
            return calls, -np.eye(len(v)), v
        jacobian = np.empty((len(v), len(v)))
        for k in range(len(v)):
            step = 1e-6 if v[k] < 0.5 else -1e-6
            moved = v.copy()
            moved[k] += step
            jacobian[:, k] = (answer(moved) - moved - residual) / step
        calls += len(v) + 1
        direction = np.linalg.lstsq(jacobian, -residual, rcond=None)[0]
        for shorter in (1.0, 0.5, 0.25, 0.1, 0.03):
            new = _held(v + shorter * direction)
            following = answer(new) - new
            calls += 1
            if float(np.max(np.abs(following))) < size:
                break
        v, residual = new, following
    return None


def _held(v: Array) -> Array:
    held = v.copy()
    held[1:] = np.clip(held[1:], 0.0, 1.0)
    return held


def broyden(
    answer: Callable[[Array], Array], start: Array, inverse: Array | None = None
) -> tuple[int, Array, Array]:
    """Broyden's method, as `fixed_point`.

    Where the residual has not fallen for several steps the inverse is dropped and the next step is damped.
    """
    plain = -np.eye(len(start))
    h = plain if inverse is None or inverse.shape != plain.shape else inverse.copy()
    v = start.copy()
    residual = answer(v) - v
    best, stalled, damping = np.inf, 0, 1.0
    for call in range(1, MOST_PASSES):
        size = float(np.max(np.abs(residual)))
        if size <= TOLERANCE:
            return call, h, v
        stalled = 0 if size < 0.7 * best else stalled + 1
        best = min(best, size)
        if stalled >= 5:
            damping, stalled = 0.5 * damping, 0
            h = damping * plain
        new = _held(v - h @ residual)
        step = new - v
        following = answer(new) - new
        change = following - residual
        hy = h @ change
        scale = float(step @ hy)
        if abs(scale) > 1e-14 * float(step @ step):
            h = h + np.outer(step - hy, step @ h) / scale
        v, residual = new, following
    raise NoEquilibrium(
        f"no equilibrium within {MOST_PASSES} passes: the largest gap between what was assumed and what came out is "
        f"{best:.2g} (allowed {TOLERANCE:g}). Try a larger fund, a lower loss share or a smaller market.funding_slope."
    )
