"""The search for the best mix within a budget: where it starts, how it climbs, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import Bounds, NonlinearConstraint, minimize
from scipy.special import ndtri
from scipy.stats import qmc

from sme_analysis.inference.mix import Array, Objective, Trial, World, trial
from sme_analysis.inference.space import Setting

MARGIN = 5e-4  # of the budget, left so that a search which ends on the line ends inside it
FLAT = 0.01  # a mix within this share of the best value is as good as the best
SCREEN = 0.25  # share of a search's trials that look for its start
RADIUS = (0.2, 2e-3)  # first and last radius of a search, in units of the settings' ranges
FIRST_PART = 0.1  # of an instrument's money, whose yield is found apart from that of the rest
EXCHANGED = 0.1  # share of the money that is offered to an instrument which is left out
RISK_PATHS = 400


@dataclass(frozen=True)
class Question:
    """What is asked of every trial.

    Attributes
    ----------
    worlds : the scenario, or one a draw; `space` : what may be set
    measure : a name of `mix.COSTS`; `quantile` : lower quantile of the objective over worlds that counts, None for the mean
    fund_risk_limit : most that the mean probability of a fund that cannot pay may be, or None
    """

    worlds: tuple[World, ...]
    space: tuple[Setting, ...]
    objective: Objective
    measure: str = "with_capital"
    quantile: float | None = None
    fund_risk_limit: float | None = None
    workers: int = 1

    def ask(self, place: Sequence[float]) -> Trial:
        """Try a mix."""
        paths = 0 if self.fund_risk_limit is None else RISK_PATHS
        return trial(
            self.worlds,
            self.space,
            place,
            self.objective,
            self.measure,
            risk_paths=paths,
            workers=self.workers,
        )

    def allows(self, found: Trial, budget: float) -> bool:
        """Whether a mix is within the budget and the risk that the fund may run."""
        if not np.isfinite(found.value()) or found.cost > budget:
            return False
        return self.fund_risk_limit is None or found.risk <= self.fund_risk_limit

    def best(self, trials: Sequence[Trial], budget: float) -> Trial:
        """The best of the trials that are allowed; ties go to the cheaper."""
        allowed = [found for found in trials if self.allows(found, budget)]
        return max(allowed, key=lambda found: (found.value(self.quantile), -found.cost))


@dataclass(frozen=True)
class Mix:
    """The best mix found.

    Attributes
    ----------
    best : the mix; `nothing` : no policy, the same question
    searches : the best mix of each search, in their order
    trials : every mix that was tried, in the order of trial
    alone : what each instrument gives by itself
    """

    question: Question
    budget: float
    best: Trial
    nothing: Trial
    searches: tuple[Trial, ...]
    trials: tuple[Trial, ...]
    alone: Mapping[str, Alone]

    @property
    def value(self) -> float:
        """What the best mix reaches."""
        return self.best.value(self.question.quantile)

    @property
    def search_error(self) -> float:
        """How far the worst search's best stays behind, as a share of the best value; 0 with one search."""
        values = [found.value(self.question.quantile) for found in self.searches]
        return (max(values) - min(values)) / abs(max(values)) if values and max(values) else 0.0

    def settings(self) -> pd.DataFrame:
        """Each setting of the best mix, the range of those that do as well, and whether the search pins it down.

        As well does every allowed mix within 1 % of the best value. *flat*: their range is wider than half of what was allowed to
        be set, or the instrument is off; *at*: the end of its range that the setting has reached.

        Returns
        -------
        DataFrame: key, unit, low, high (what was allowed), value, least, most, flat, at
        """
        q, line = self.question, (1 - FLAT) * self.value
        good = [t for t in self.trials if q.allows(t, self.budget) and t.value(q.quantile) >= line]
        rows = []
        for k, s in enumerate(q.space):
            places = [t.place[k] for t in good] or [self.best.place[k]]
            off = self.best.settings.get(f"{s.instrument}.active") is False
            value = self.best.settings[s.key]
            end = {s.low: "lowest", s.high: "highest"}.get(value, "")
            rows.append(
                (s.key, s.low, s.high, value, s.at(min(places)), s.at(max(places)),
                 off or max(places) - min(places) > 0.5, "off" if off else end)
            )  # fmt: skip
        frame = pd.DataFrame(rows, columns=["key", "low", "high", "value", "least", "most", "flat", "at"])
        records = q.worlds[0].parameters.catalogue
        frame.insert(1, "unit", [records[key].unit for key in frame["key"]])
        return frame


def answer(
    question: Question,
    budget: float,
    *,
    evaluations: int = 80,
    searches: int = 3,
    seed: int = 1,
    known: Sequence[Trial] = (),
    starts: Sequence[Trial] = (),
) -> Mix:
    """As `best_mix`, for a question that has been asked; a budget of 0 is answered with no policy.

    Parameters
    ----------
    known : trials of the same question, which need no second simulation
    starts : mixes of a like question, from the best of which the first search starts
    """
    tries = _Tries(question, {found.place: found for found in known})
    nothing = tries.ask(np.zeros(len(question.space)))
    if budget <= 0:
        return Mix(question, budget, nothing, nothing, (), (nothing,), {})
    bests = []
    for k in range(searches):
        tries.own, tries.before = [], [nothing]
        if k == 0:
            for start in starts:
                _onto(tries, budget, np.array(start.place))
            if not starts:
                _merit_order(tries, budget)
            tries.before = [nothing, *known]
        else:
            _screened(tries, budget, max(2, int(SCREEN * evaluations)), [seed, k])
        _climb(tries, budget, len(tries.own) + (evaluations - len(tries.own)) // 2, RADIUS)
        _exchange(tries, budget)
        _climb(tries, budget, evaluations, (RADIUS[0] / 2, RADIUS[1]))
        bests.append(question.best([*tries.before, *tries.own], budget))
    trials = tuple(tries.found.values())
    return Mix(question, budget, question.best(trials, budget), nothing, tuple(bests), trials, tries.alone())


class _Tries:
    """Trials of one question, none simulated twice; `own` are those of the search that is under way."""

    def __init__(self, question: Question, found: dict[tuple[float, ...], Trial]) -> None:
        self.question, self.found = question, found
        self.own: list[Trial] = []
        self.before: list[Trial] = []
        self._alone: dict[str, Alone] | None = None

    def ask(self, place: Array) -> Trial:
        key = tuple(float(x) for x in np.clip(place, 0.0, 1.0))
        if key not in self.found:
            self.found[key] = self.question.ask(key)
        self.own.append(self.found[key])
        return self.found[key]

    def alone(self) -> dict[str, Alone]:
        """What each instrument gives by itself, see `Alone`."""
        if self._alone is None:
            own, space = list(self.own), self.question.space
            names = dict.fromkeys(s.instrument for s in space)
            self._alone = {
                name: self._by_itself(np.array([s.instrument == name for s in space])) for name in names
            }
            self.own = own
        return self._alone

    def _by_itself(self, own: npt.NDArray[np.bool_]) -> Alone:
        space, q = self.question.space, self.question
        found = []
        for other in (1.0, 0.0):
            levels = own * np.array([1.0 if s.intensity else other for s in space])
            part = self.ask(scaled(space, levels, FIRST_PART))
            found.append(Alone(levels, part, self.ask(levels)))
        return max(found, key=lambda one: _per_yuan(one.part, q))

    def fill(self, budget: float, levels: Array, shares: Mapping[str, float]) -> None:
        """Try a mix with each instrument at a share of its full stretch, made smaller where it costs too much."""
        space = self.question.space
        place = np.zeros(len(space))
        for name, share in shares.items():
            own = np.array([s.instrument == name for s in space])
            place = np.where(own & (share > 0), scaled(space, levels, min(share, 1.0)), place)
        _onto(self, budget, place)


@dataclass(frozen=True)
class Alone:
    """An instrument by itself with a tenth of its money and with all of it; its other settings at `levels`."""

    levels: Array
    part: Trial
    full: Trial


def _per_yuan(found: Trial, question: Question, since: Trial | None = None) -> float:
    """Value per CNY million, over all of a mix or since a smaller one; a cost near nothing counts as a tenth of one."""
    value, cost = found.value(question.quantile), found.cost
    if since is not None:
        value, cost = value - since.value(question.quantile), cost - since.cost
    return value / max(cost, 0.1) if np.isfinite(value) else -np.inf


def _merit_order(
    tries: _Tries, budget: float, levels: Array | None = None, noise: Array | None = None
) -> None:
    """The mix that buys first what gives most per yuan: the first tenth of each instrument and its rest are bought apart.

    With noise it is what somebody would buy who knows the yields but roughly, the other settings at `levels`.
    """
    q, alone = tries.question, tries.alone()
    parts = []
    for k, (name, a) in enumerate(alone.items()):
        blur = 1.0 if noise is None else float(np.exp(noise[k]))
        first, rest = _per_yuan(a.part, q), _per_yuan(a.full, q, a.part)
        parts.append((blur * first, name, FIRST_PART, a.part.cost))
        parts.append((blur * min(first, rest), name, 1 - FIRST_PART, a.full.cost - a.part.cost))
    shares, left = dict.fromkeys(alone, 0.0), budget
    for gives, name, share, cost in sorted(parts, reverse=True):
        if gives > 0 and left > 0:
            taken = min(1.0, left / max(cost, 1e-9))
            shares[name] += taken * share
            left -= taken * max(cost, 0.0)
    highest = np.sum([a.levels for a in alone.values()], axis=0)
    tries.fill(budget, highest if levels is None else levels, shares)


def _screened(tries: _Tries, budget: float, trials: int, seed: Sequence[int]) -> None:
    """Merit orders of somebody who mistakes yields by a factor of about e, other settings at scrambled Sobol' points."""
    space, alone = tries.question.space, tries.alone()
    money = np.array([s.money for s in space])
    best = np.sum([a.levels for a in alone.values()], axis=0)
    sobol = qmc.Sobol(len(space) + len(alone), rng=np.random.default_rng(list(seed)))
    for point in sobol.random_base2(max(1, int(np.ceil(np.log2(trials))))):
        if len(tries.own) < trials:
            levels = np.where(money, 1.0, 0.5 * (best + point[: len(space)]))
            _merit_order(tries, budget, levels, ndtri(np.clip(point[len(space) :], 1e-6, 1 - 1e-6)))


def _onto(tries: _Tries, budget: float, place: Array) -> None:
    """Try a mix, made smaller up to twice where it costs too much."""
    for _ in range(3):
        found = tries.ask(place)
        if found.cost <= budget or not np.isfinite(found.value()):
            break
        place = scaled(tries.question.space, place, 0.97 * budget / found.cost)


def _exchange(tries: _Tries, budget: float) -> None:
    """The best mix so far with a part of its money given to each instrument that it leaves out."""
    space = tries.question.space
    best = tries.question.best([*tries.before, *tries.own], budget)
    less = scaled(space, np.array(best.place), 1 - EXCHANGED)
    for name, alone in tries.alone().items():
        if best.settings.get(f"{name}.active") is False and _per_yuan(alone.part, tries.question) > 0:
            own = np.array([s.instrument == name for s in space])
            share = min(1.0, EXCHANGED * budget / max(alone.full.cost, 1e-9))
            tries.ask(np.where(own, scaled(space, alone.levels, share), less))


def scaled(space: Sequence[Setting], place: Array, share: float) -> Array:
    """A mix made smaller: amounts of money in proportion, or where an instrument has none its other intensities."""
    money = {s.instrument for s in space if s.money}
    smaller = [s.money or (s.intensity and s.instrument not in money) for s in space]
    return np.where(smaller, place * share, place)


def _climb(tries: _Tries, budget: float, until: int, radius: tuple[float, float]) -> None:
    """COBYQA from the best so far, over the settings of the instruments in force there, until a search has so many trials."""
    q = tries.question
    start = q.best([*tries.before, *tries.own], budget)
    if not any(start.place):
        start = min(tries.own, key=lambda t: t.cost)
    off = {key.partition(".")[0] for key, value in start.settings.items() if value is False}
    free = np.array([s.instrument not in off for s in q.space])
    origin, scale = np.array(start.place), max(abs(start.value(q.quantile)), 1e-9)
    if until - len(tries.own) < 2 or not free.any():
        return

    def at(x: Array) -> Trial:
        place = origin.copy()
        place[free] = x
        key = tuple(float(v) for v in np.clip(place, 0.0, 1.0))
        return last[key] if key in last else last.setdefault(key, tries.ask(place))

    last: dict[tuple[float, ...], Trial] = {}

    def loss(x: Array) -> float:
        value = at(x).value(q.quantile)
        return -value / scale if np.isfinite(value) else 0.0

    def used(x: Array) -> list[float]:
        found = at(x)
        cost = found.cost / budget if np.isfinite(found.value()) else 2.0
        return [cost] if q.fund_risk_limit is None else [cost, found.risk - q.fund_risk_limit]

    most = [1 - MARGIN] if q.fund_risk_limit is None else [1 - MARGIN, 0.0]
    size = int(free.sum())
    minimize(
        loss, origin[free], method="COBYQA", bounds=Bounds(np.zeros(size), np.ones(size)),
        constraints=NonlinearConstraint(used, -np.inf, most),
        options={"maxfev": until - len(tries.own), "initial_tr_radius": radius[0], "final_tr_radius": radius[1]},
    )  # fmt: skip
