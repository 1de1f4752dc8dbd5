"""The search for the best mix within a budget: where it starts, how it climbs, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linprog
from scipy.special import ndtri
from scipy.stats import qmc

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.inference.mix import Array, Question, Trial
from sme_analysis.inference.space import Setting

MARGIN = 5e-4  # of the budget, left so that a search which ends on the line ends inside it
FLAT = 0.01  # a mix within this share of the best value is as good as the best
SCREEN = 0.25  # share of a search's trials that look for its start
STEP = 0.08  # of a range, over which yields are found
RADIUS = (0.5, 0.02)  # first and last radius of a search, in units of the ranges
LEAST = 0.05  # of the mean yield of all instruments: what yields less is not bought to begin with
FIRST_PART = 0.1  # of an instrument's money, whose yield is found apart from that of the rest


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
        best = max(values, default=0.0)
        return (best - min(values)) / abs(best) if best != 0 else 0.0

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
    alone: Mapping[str, Alone] | None = None,
) -> Mix:
    """As `best_mix`, for a question that has been asked; a budget of 0 is answered with no policy.

    Parameters
    ----------
    known : trials of the same question, which need no second simulation
    starts : mixes of a like question, from the best of which the first search starts
    alone : what instruments give alone, as a like question found it; else it is tried
    """
    tries = _Tries(question, {found.place: found for found in known}, alone)
    nothing = question.nothing()
    if budget > 0 and not question.allows(nothing, budget):
        given, least = (
            f"CNY {budget:g} m",
            f"at least the CNY {nothing.cost:.4g} m that the instruments kept cost",
        )
        raise InputErrors([Problem("budget", given, least, "a larger budget, or fewer in `keep`")])
    if budget <= 0:
        return Mix(question, budget, nothing, nothing, (), (), {})
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
        _climb(tries, budget, evaluations)
        bests.append(question.best([*tries.before, *tries.own], budget))
    _prune(tries, budget, nothing)
    trials = tuple(tries.found.values())
    return Mix(
        question,
        budget,
        question.choice([nothing, *trials], budget),
        nothing,
        tuple(bests),
        trials,
        tries.alone(),
    )


class _Tries:
    """Trials of one question, none simulated twice; `own` are those of the search that is under way."""

    def __init__(
        self,
        question: Question,
        found: dict[tuple[float, ...], Trial],
        alone: Mapping[str, Alone] | None = None,
    ) -> None:
        self.question, self.found = question, found
        self.own: list[Trial] = []
        self.before: list[Trial] = []
        self._alone = alone

    def ask(self, place: Array) -> Trial:
        key = self.question.held(place)
        if key not in self.found:
            self.found[key] = self.question.ask(key)
        self.own.append(self.found[key])
        return self.found[key]

    def alone(self) -> Mapping[str, Alone]:
        """What each instrument gives by itself, see `Alone`."""
        if self._alone is None:
            own, space = list(self.own), self.question.space
            names = self.question.instruments
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
    everything = sum(max(a.full.value(q.quantile), 0.0) for a in alone.values() if a.full.value() > -np.inf)
    least = LEAST * everything / max(sum(a.full.cost for a in alone.values()), budget)
    shares, left = dict.fromkeys(alone, 0.0), budget
    for gives, name, share, cost in sorted(parts, reverse=True):
        if gives > least and left > 0:
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


def _prune(tries: _Tries, budget: float, nothing: Trial) -> None:
    """The best mix without each of its instruments in turn, so that one which adds nothing is found out."""
    q = tries.question
    for name in q.instruments:
        best = q.choice([nothing, *tries.found.values()], budget)
        if best.by_instrument.get(name, 0.0) > 0 and len(best.by_instrument) > 1:
            own = np.array([s.instrument == name for s in q.space])
            tries.ask(np.where(own, 0.0, best.place))


def scaled(space: Sequence[Setting], place: Array, share: float) -> Array:
    """A mix made smaller: amounts of money in proportion, or where an instrument has none its other intensities."""
    money = {s.instrument for s in space if s.money}
    smaller = [s.money or (s.intensity and s.instrument not in money) for s in space]
    return np.where(smaller, place * share, place)


def _climb(tries: _Tries, budget: float, until: int) -> None:
    """Sequential linear programmes from the best so far until a search has so many trials.

    With the yields g and costs c of a small move of each setting, max g d subject to cost + c d <= budget, |d| <= radius and the
    settings' ranges (Griffith and Stewart 1961); the radius shrinks where the step disappoints. Risk is a second such constraint.
    """
    q, radius = tries.question, RADIUS[0]
    place = _opened(tries, q.best([*tries.before, *tries.own], budget))
    slopes: Array | None = None
    while len(tries.own) < until and radius >= RADIUS[1]:
        base = tries.ask(place)
        if slopes is None:
            slopes = _slopes(tries, place, base)
        room = [(1 - MARGIN) * budget - base.cost, (q.fund_risk_limit or 1.0) - base.risk]
        rows = [0] if q.fund_risk_limit is None else [0, 1]
        found = linprog(
            (-slopes[0]).tolist(),
            A_ub=slopes[1:][rows].tolist(),
            b_ub=np.maximum(np.array(room)[rows], 0.0).tolist(),
            bounds=[(max(-radius, -float(x)), min(radius, 1 - float(x))) for x in place],
        )
        before = q.best([*tries.before, *tries.own], budget)
        _onto(tries, budget, place + np.asarray(found.x, dtype=float) if found.success else place)
        best = q.best([*tries.before, *tries.own], budget)
        if best.value(q.quantile) > before.value(q.quantile) + 1e-4 * abs(before.value(q.quantile)):
            place, slopes = _opened(tries, best), None
        else:
            radius /= 3


def _opened(tries: _Tries, mix: Trial) -> Array:
    """The mix with what instruments that are off would be set to, so that their first yuan is judged fairly."""
    place = np.array(mix.place)
    for name, alone in tries.alone().items():
        own = np.array([s.instrument == name for s in tries.question.space])
        if mix.settings.get(f"{name}.active") is False:
            place = np.where(own, scaled(tries.question.space, alone.levels, 0.0), place)
    return place


def _slopes(tries: _Tries, place: Array, base: Trial) -> Array:
    """Change of value, cost and risk per unit of each setting, shape (3, settings); of what is off only its money is moved."""
    q = tries.question
    found = np.zeros((3, len(q.space)))
    for k, s in enumerate(q.space):
        off = base.settings.get(f"{s.instrument}.active") is False
        if s.instrument in q.ruled_out or (off and not (s.money or s.intensity)):
            continue
        moved = place.copy()
        moved[k] += STEP if place[k] <= 0.5 else -STEP
        other = tries.ask(moved)
        if np.isfinite(other.value()):
            change = (
                other.value(q.quantile) - base.value(q.quantile),
                other.cost - base.cost,
                other.risk - base.risk,
            )
            found[:, k] = np.nan_to_num(np.array(change)) / (moved[k] - place[k])
    return found
