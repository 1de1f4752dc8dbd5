"""Best use of a budget: the mix of instruments that serves an objective best, how sure that is, and what more money buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.inference.mix import (
    COSTS,
    OBJECTIVES,
    Array,
    Question,
    Trial,
    World,
    planned_solvency,
    simulated,
    tried,
    worlds,
)
from sme_analysis.inference.search import Alone, Mix, answer, scaled
from sme_analysis.inference.space import read_space
from sme_analysis.scenario import Parameters
from sme_analysis.scenario.units import UnitError, nearest, parse

NUDGE = 0.05  # of the settings' ranges, where an instrument's money is not what holds it


def best_mix(
    parameters: Parameters,
    budget: str | float,
    objective: str = "additional_loan_years",
    space: Mapping[str, Sequence[Any]] | None = None,
    *,
    draws: Sequence[Mapping[str, Any]] = (),
    keep: Sequence[str] = (),
    measure: str = "with_capital",
    quantile: float | None = None,
    fund_risk_limit: float | None = None,
    evaluations: int = 80,
    searches: int = 3,
    seed: int = 1,
    starts: Sequence[Trial] = (),
    workers: int = 1,
) -> Mix:
    """The settings that serve an objective best within a budget.

    max E v(x) subject to E c(x) <= budget, and E P(fund cannot pay) <= limit where one is set; E over the draws. The first search
    starts from the merit order (instruments by what they give per yuan alone, as far as the money goes), the others from merit
    orders in which yields are mistaken at random and the other settings are scrambled Sobol' points. Each climbs by sequential
    linear programmes (`search`), since best mixes stand in corners: instruments are at full stretch or off, one or two between.
    The same seed gives the same mix, whatever the number of workers.

    Parameters
    ----------
    budget : present value over the horizon: "150m", or CNY million
    objective : a name of `mix.OBJECTIVES`
    space : catalogue key -> [lowest, highest], or None for `mix.default_space`
    draws : changes of uncertain parameters; each is a world of its own, and the budget must be met on average over them
    keep : instruments outside `space` that stay as the scenario has them, and whose cost counts; the others are off
    measure : what counts as cost, a name of `mix.COSTS`
    quantile : a lower quantile of the objective over the draws in place of their mean
    fund_risk_limit : largest probability that the fund cannot pay all claims in some year
    evaluations : trials a search; each simulates every draw once
    searches : independent searches, whose spread is the search's own uncertainty
    starts : mixes of an earlier answer to a like question, tried as well

    Raises
    ------
    InputErrors : budget, objective, measure or space cannot be read
    """
    amount = read_budget(budget)
    question = ask(
        parameters, objective, space, draws=draws, keep=keep, measure=measure, quantile=quantile,
        fund_risk_limit=fund_risk_limit, workers=workers,
    )  # fmt: skip
    return answer(question, amount, evaluations=evaluations, searches=searches, seed=seed, starts=starts)


def ask(
    parameters: Parameters,
    objective: str,
    space: Mapping[str, Sequence[Any]] | None = None,
    *,
    draws: Sequence[Mapping[str, Any]] = (),
    keep: Sequence[str] = (),
    measure: str = "with_capital",
    quantile: float | None = None,
    fund_risk_limit: float | None = None,
    workers: int = 1,
) -> Question:
    """The question of `best_mix` with its worlds, to be answered for several budgets."""
    problems = [
        Problem(where, f'"{given}"', "one of " + ", ".join(known), nearest(given, list(known)))
        for where, given, known in (("objective", objective, OBJECTIVES), ("measure", measure, COSTS))
        if given not in known
    ]
    try:
        settings = read_space(space, parameters.catalogue)
    except InputErrors as errors:
        problems += errors.problems
    if problems:
        raise InputErrors(problems)
    return Question(
        worlds(parameters, settings, draws, keep), settings, OBJECTIVES[objective], measure, quantile,
        fund_risk_limit, workers,
    )  # fmt: skip


def read_budget(budget: str | float) -> float:
    """CNY million of a budget as a user writes it; a bare number is CNY million.

    Raises
    ------
    InputErrors : it is no amount, or negative
    """
    try:
        amount = float(budget) if isinstance(budget, int | float) else float(parse(budget, "money"))
    except UnitError as error:
        raise InputErrors([Problem("budget", error.given, error.allowed, error.hint)]) from None
    if not (np.isfinite(amount) and amount >= 0):
        raise InputErrors([Problem("budget", f"{budget}", "an amount of at least 0", "0, for no policy")])
    return amount


def robust(
    mix: Mix,
    parameters: Parameters,
    draws: Sequence[Mapping[str, Any]],
    *,
    rivals: Sequence[Trial] = (),
    quantile: float | None = None,
    evaluations: int = 20,
    workers: int = 1,
) -> Mix:
    """The same question with what is uncertain drawn: the search starts from the best mix and its rivals.

    Each draw is a world with its own firms and its own counterfactual; the mean (or a lower quantile) of the objective is served,
    and the budget is met on average. What it costs in a bad draw stands in `best.costs`.
    """
    q = replace(
        mix.question, worlds=worlds(parameters, mix.question.space, draws), quantile=quantile, workers=workers
    )
    return answer(
        q, mix.budget, evaluations=evaluations, searches=1, starts=[mix.best, *rivals], alone=mix.alone
    )


def frontier(mix: Mix, budgets: Sequence[float], *, evaluations: int = 30, seed: int = 1) -> tuple[Mix, ...]:
    """The best mixes for several budgets, cheapest first; every trial of the one serves the others.

    So a larger budget never reaches less than a smaller one. Budgets that buy no more than a smaller one are left out
    (dominated), and `mix` stands among the rest at its own budget.
    """
    known, found = {t.place: t for t in mix.trials}, {mix.budget: mix}
    for budget in sorted({float(b) for b in budgets if b > 0} - {mix.budget}, reverse=True):
        found[budget] = answer(
            mix.question, budget, evaluations=evaluations, searches=1, seed=seed, known=list(known.values())
        )
        known |= {t.place: t for t in found[budget].trials}
    every, q = tuple(known.values()), mix.question
    points: list[Mix] = []
    for budget in sorted(found):
        point = replace(found[budget], best=q.choice([mix.nothing, *every], budget), trials=every)
        if point.value > (points[-1].value if points else mix.nothing.value(q.quantile)):
            points.append(point)
    return tuple(points)


def without(mix: Mix, name: str, *, evaluations: int = 40, searches: int = 2, seed: int = 1) -> Mix:
    """The best mix for the same money where one instrument is ruled out."""
    fewer = replace(mix.question, ruled_out=(*mix.question.ruled_out, name))
    alone = {other: found for other, found in mix.alone.items() if other != name}
    known = [t for t in mix.trials if t.settings.get(f"{name}.active") is False]
    return answer(
        fewer, mix.budget, evaluations=evaluations, searches=searches, seed=seed, known=known, alone=alone
    )


def marginal(mix: Mix, step: float = 1.0) -> pd.DataFrame:
    """What the next CNY million buys, by instrument, and what the last one bought.

    One instrument's money (or its intensity, where it has none; all its settings, where money moves nothing) is moved by about
    `step`, the others stay; the objective's change
    per CNY million of the change of cost. At a true optimum whatever is within its range has the same yield, and what is off or
    at its lowest yields less.

    Parameters
    ----------
    step : CNY million of present value

    Returns
    -------
    DataFrame: instrument, cost, next, last (objective per CNY million; NaN where it cannot be moved), at_limit
    """
    q, rows = mix.question, []
    place: Array = np.array(mix.best.place)
    alone = mix.alone
    for name in q.instruments:
        own = np.array([s.instrument == name for s in q.space])
        cost = mix.best.by_instrument.get(name, 0.0)
        off = mix.best.settings.get(f"{name}.active") is False or name not in mix.best.by_instrument
        yields = {}
        for side, sign in (("next", 1.0), ("last", -1.0)):
            if off:
                moved = _opened(q, alone[name], own, place, step) if sign > 0 else place
            else:
                share = 1 + sign * min(step / max(cost, step), 0.5)
                moved = np.where(own, np.clip(scaled(q.space, place, share), 0, 1), place)
            yields[side] = _yield(q, mix.best, moved, step)
            if np.isnan(yields[side]) and not off:  # its money is not what holds it
                moved = np.where(own, np.clip(place + sign * NUDGE, 0, 1), place)
                yields[side] = _yield(q, mix.best, moved, step)
        rows.append((name, cost, yields["next"], yields["last"], bool(not off and np.isnan(yields["next"]))))
    frame = pd.DataFrame(rows, columns=["instrument", "cost", "next", "last", "at_limit"])
    return frame.sort_values("cost", ascending=False, ignore_index=True)


def _yield(q: Question, best: Trial, moved: Array, step: float) -> float:
    """Change of the objective per CNY million of a move; NaN where the move costs or saves next to nothing."""
    if np.array_equal(moved, best.place):
        return float("nan")
    other = q.ask(tuple(moved.tolist()))
    change = other.cost - best.cost
    if not np.isfinite(other.value()) or abs(change) < 0.05 * step:
        return float("nan")
    return (other.value(q.quantile) - best.value(q.quantile)) / change


def _opened(q: Question, alone: Alone, own: npt.NDArray[np.bool_], place: Array, step: float) -> Array:
    """The mix with an instrument that is off switched on for about `step` CNY million."""
    share = min(1.0, step / max(alone.full.cost, step))
    return np.where(own, scaled(q.space, alone.levels, share), place)


def as_set(question: Question, parameters: Parameters) -> Trial:
    """The scenario's own settings of the same instruments, tried like any mix."""
    keys = [s.key for s in question.space]
    names = dict.fromkeys(s.instrument for s in question.space)
    settings = {
        **{k: parameters[k] for k in keys},
        **{f"{n}.active": parameters[f"{n}.active"] for n in names},
    }
    found = [tried(world, settings, question.objective, question.measure) for world in question.worlds]
    return Trial(
        tuple(float(np.clip((parameters[s.key] - s.low) / (s.high - s.low), 0, 1)) for s in question.space),
        settings,
        tuple(value for value, _, _ in found),
        tuple(sum(costs.values()) for _, costs, _ in found),
        (),
        {name: float(np.mean([costs.get(name, 0.0) for _, costs, _ in found])) for name in names},
    )


def replay(mixes: Mapping[str, Trial], question: Question, others: Sequence[World]) -> pd.DataFrame:
    """Mixes tried again in worlds that the search did not see: other samples of firms, or fresh draws of what is not known.

    The best of many trials is best partly by luck (the optimiser's curse, Smith and Winkler 2006): what it promises where it was
    found is too good, and only fresh worlds say by how much.

    Returns
    -------
    DataFrame: mix, world (0 …), value, cost (present value, CNY million)
    """
    rows = []
    for name, mix in mixes.items():
        for k, world in enumerate(others):
            value, costs, _ = tried(world, mix.settings, question.objective, question.measure)
            rows.append((name, k, value, sum(costs.values())))
    return pd.DataFrame(rows, columns=["mix", "world", "value", "cost"])


def other_firms(question: Question, parameters: Parameters, count: int, seed: int) -> tuple[World, ...]:
    """The scenario with other samples of firms, which no search has seen."""
    seeds = np.random.default_rng([seed, 99]).integers(1, 2**31 - 1, count)
    return worlds(parameters, question.space, [{"simulation.seed": int(s)} for s in seeds])


def fund_risks(mix: Mix, shares: Sequence[float], paths: int = 2000) -> pd.DataFrame:
    """Fund risk against the objective: the same cover promised with ever less money behind it.

    The fund's endowment and appropriations are multiplied by each share, and the lending allowed per unit of fund divided by it.

    Returns
    -------
    DataFrame: share, value, cost (present value, CNY million), short (probability that the fund cannot pay all claims in some
    year), stopped (that the stop rule closes it in some year), dominated; means over worlds; no row where the mix has no fund
    """
    q, rows = mix.question, []
    fund, most = "risk_compensation.", q.worlds[0].parameters.catalogue["risk_compensation.leverage"].high
    p = {**q.worlds[0].parameters, **mix.best.settings}
    for share in shares:
        money = {fund + name: share * p[fund + name] for name in ("fund", "appropriation")}
        settings = {**mix.best.settings, **money, fund + "leverage": min(p[fund + "leverage"] / share, most)}
        found = [tried(world, settings, q.objective, q.measure) for world in q.worlds]
        risks = [planned_solvency(simulated(world, settings), paths) for world in q.worlds]
        known = [risk for risk in risks if risk is not None]
        if known:
            rows.append(
                (share, float(np.mean([f[0] for f in found])), float(np.mean([sum(f[1].values()) for f in found])),
                 float(np.mean([r.exhaustion for r in known])), float(np.mean([r.stopped for r in known])))
            )  # fmt: skip
    frame = pd.DataFrame(rows, columns=["share", "value", "cost", "short", "stopped"])
    better = [
        (frame["value"] >= r.value) & (frame["short"] < r.short)
        | (frame["value"] > r.value) & (frame["short"] <= r.short)
        for r in frame.itertuples()
    ]
    frame["dominated"] = [bool(b.any()) for b in better]
    return frame
