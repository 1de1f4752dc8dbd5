"""What a mix of instruments buys and costs: objectives, measures of cost, and trials in one world or many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sme_analysis.errors import InputErrors
from sme_analysis.firms import synthetic_firms
from sme_analysis.impact import discount_factors, gross_to_net, incidence, solvency
from sme_analysis.impact.solvency import Portfolio, Solvency
from sme_analysis.inference.space import Setting, settings_at, switches
from sme_analysis.instruments import INSTRUMENTS, active_instruments
from sme_analysis.instruments.risk_compensation import Fund, RiskCompensation
from sme_analysis.market.credit import Conditions, chunked_sum
from sme_analysis.scenario import Parameters
from sme_analysis.simulation import MEASURES, NoEquilibrium, Simulation, simulate

Array = npt.NDArray[np.float64]
WASTE = 1e-3  # of the best value: what adds less is not worth its cost
RISK_PATHS = 400


@dataclass(frozen=True)
class Objective:
    """What the money is to serve: larger is better, and 0 is what no policy reaches."""

    name: str
    label: str
    unit: str
    of: Callable[[Simulation], float]


def _change(simulation: Simulation, measure: str, size: str | None = None) -> float:
    """Change of a measure against no policy, summed over years and over the cells of one size class or all."""
    k = MEASURES.index(measure)
    moved = (simulation.policy[:, k] - simulation.counterfactual[:, k]).sum(axis=0)
    return float(
        moved.sum() if size is None else moved[(simulation.cells["size_class"] == size).to_numpy()].sum()
    )


def _net_value(simulation: Simulation) -> float:
    table = incidence(simulation)
    return float(table.loc[table["party"] == "net value", "change"].sum())


OBJECTIVES: Mapping[str, Objective] = {
    found.name: found
    for found in (
        Objective(
            "additional_loan_years",
            "additional lending over the horizon, CNY million × years",
            "money",
            lambda s: _change(s, "lending"),
        ),
        Objective(
            "micro_loan_years",
            "additional lending to micro firms over the horizon, CNY million × years",
            "money",
            lambda s: _change(s, "lending", "micro"),
        ),
        Objective(
            "new_borrowers",
            "additional borrowers, mean of the years",
            "count",
            lambda s: _change(s, "borrowers") / len(s.labels),
        ),
        Objective(
            "net_jobs",
            "jobs after leakage and displacement, mean of the years",
            "count",
            lambda s: float(gross_to_net(s)["jobs"].mean()),
        ),
        Objective(
            "unmet_need",
            "fall of unmet need over the horizon, CNY million × years",
            "money",
            lambda s: _change(s, "lending") - _change(s, "need"),
        ),
        Objective("net_value", "net value created over the horizon, CNY million", "money", _net_value),
    )
}

# What counts as cost. `public_cost` is that of `impact.public_cost`: it leaves out that money set aside could be used otherwise,
# and what publicly owned guarantors lose, so that a search would take both for free.
COSTS: Mapping[str, str] = {
    "public_cost": "net payments of the public budget",
    "with_capital": "net payments, the cost of capital that is tied up, and guarantors' losses",
    "all_levels": "the same, and what province and nation pay as re-guarantors",
}


def cost_by_instrument(simulation: Simulation, measure: str = "with_capital") -> dict[str, float]:
    """Present value of what each instrument costs over the horizon, CNY million.

    *Capital*: of the fund, what is paid into it less what is left at the end, both discounted; since the fund earns less than
    the discount rate r this is claims less recoveries and fees, and the carrying cost. Of guarantors' capital K,
    K (1 - ((1 + y)/(1 + r))^T) with the fund's yield y. *Guarantors*: what they pay less what they receive, without claims on
    re-guarantors, which province and nation bear.

    Parameters
    ----------
    measure : a name of `COSTS`
    """
    p, factors = simulation.parameters, discount_factors(simulation).to_numpy()
    found = dict.fromkeys(simulation.years[0].outcomes, 0.0)
    also = {"public_cost": (), "with_capital": ("guarantors",)}.get(
        measure, ("guarantors", "province and nation")
    )
    for factor, year in zip(factors, simulation.years, strict=True):
        for name, outcome in year.outcomes.items():
            for x in outcome.transfers:
                found[name] += float(factor) * x.amount * ((x.payer == "public") - (x.receiver == "public"))
                if x.amount and (x.payer in also or x.receiver in also):
                    net = x.amount * ((x.payer in also) - (x.receiver in also))
                    found["loan_guarantee"] += float(factor) * net
    if measure == "public_cost":
        return found
    r, y = p["horizon.social_discount_rate"], p["risk_compensation.yield"]
    span = sum(year.share for year in simulation.years)
    if "risk_compensation" in found:
        facts = [year.outcomes["risk_compensation"].facts for year in simulation.years]
        paid_in = [f["appropriation"] for f in facts]
        endowment = float(p["risk_compensation.fund"])
        paid_in[0] -= endowment
        left = facts[-1]["balance at end"] * (1 + r) ** -span
        claims = sum(
            float(f) * sum(x.outcomes["risk_compensation"].lines.values())
            for f, x in zip(factors, simulation.years, strict=True)
        )
        found["risk_compensation"] += endowment + float(np.dot(paid_in, factors)) - left - claims
    if "loan_guarantee" in found:
        tied = p["loan_guarantee.capital"] * (1 - ((1 + y) / (1 + r)) ** span)
        found["loan_guarantee"] += float(tied)
    return found


@dataclass(frozen=True)
class World:
    """One state of what is not known: its parameters, and a simulation whose firms and counterfactual all trials share."""

    parameters: Parameters
    like: Simulation


def worlds(
    parameters: Parameters,
    space: Sequence[Setting],
    draws: Sequence[Mapping[str, Any]] = (),
    keep: Sequence[str] = (),
) -> tuple[World, ...]:
    """The scenario itself, or one world a draw of the uncertain parameters, each with a firm table of its own.

    Instruments that `space` does not set are switched off, but for those to `keep`. A draw that names no `simulation.seed` has
    another sample of firms as well, so that a mix is not fitted to one sample.

    Parameters
    ----------
    draws : changes of uncertain parameters, inner units
    """
    searched = {setting.instrument for setting in space}
    on = {f"{name}.active": name in searched for name in INSTRUMENTS if name in searched or name not in keep}
    found = []
    seed = int(parameters["simulation.seed"])
    cases = [dict(draw) for draw in draws]
    for k, draw in enumerate(cases):
        draw.setdefault("simulation.seed", seed + 1 + k)
    for changes in cases or [{}]:
        p = parameters.replace({**on, **changes})
        found.append(World(p, simulate(synthetic_firms(p), p)))
    return tuple(found)


@dataclass(frozen=True)
class Trial:
    """One mix as it was tried: in every world the value of the objective, cost and risk.

    Attributes
    ----------
    place : the settings' places in [0, 1] of their ranges
    settings : key -> value, inner units, with the switches of instruments that are off
    values, costs : one a world; the objective's unit, and present value in CNY million
    risks : one a world, probability that the fund cannot pay all claims in some year; empty where it was not asked for
    by_instrument : cost by instrument, mean over worlds
    """

    place: tuple[float, ...]
    settings: Mapping[str, Any]
    values: tuple[float, ...]
    costs: tuple[float, ...]
    risks: tuple[float, ...]
    by_instrument: Mapping[str, float]

    @property
    def cost(self) -> float:
        """Mean cost."""
        return float(np.mean(self.costs))

    @property
    def risk(self) -> float:
        """Mean probability that the fund falls short."""
        return float(np.mean(self.risks)) if self.risks else float("nan")

    def value(self, quantile: float | None = None) -> float:
        """Mean of the objective over worlds, or a lower quantile of it."""
        return float(np.mean(self.values) if quantile is None else np.quantile(self.values, quantile))


def simulated(world: World, settings: Mapping[str, Any]) -> Simulation:
    """A mix in one world; instruments without intensity are switched off."""
    p = world.parameters.replace({**settings, **switches(world.parameters, settings)})
    return simulate(world.like.firms, p, like=world.like)


def tried(
    world: World, settings: Mapping[str, Any], objective: Objective, measure: str, risk_paths: int = 0
) -> tuple[float, dict[str, float], float]:
    """Value, cost by instrument and (with `risk_paths`) fund risk of a mix in one world; -inf where the model has no answer."""
    try:
        simulation = simulated(world, settings)
    except (NoEquilibrium, InputErrors):
        return -np.inf, {}, 1.0
    risk = fund_risk(simulation, risk_paths) if risk_paths else float("nan")
    return objective.of(simulation), cost_by_instrument(simulation, measure), risk


def trial(
    worlds: Sequence[World],
    space: Sequence[Setting],
    place: Sequence[float],
    objective: Objective,
    measure: str,
    risk_paths: int = 0,
    workers: int = 1,
    off: Sequence[str] = (),
) -> Trial:
    """Simulate a mix in every world, instruments in `off` switched off; the result does not depend on the number of workers."""
    settings = {**settings_at(space, place), **{f"{name}.active": False for name in off}}

    def run(world: World) -> tuple[float, dict[str, float], float]:
        return tried(world, settings, objective, measure, risk_paths)

    if workers > 1 and len(worlds) > 1:
        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(run, worlds))
    else:
        found = [run(world) for world in worlds]
    names = sorted({name for _, costs, _ in found for name in costs})
    return Trial(
        tuple(float(x) for x in place),
        {**settings, **switches(worlds[0].parameters, settings)},
        tuple(value for value, _, _ in found),
        tuple(sum(costs.values()) for _, costs, _ in found),
        tuple(risk for _, _, risk in found) if risk_paths else (),
        {name: float(np.mean([costs.get(name, 0.0) for _, costs, _ in found])) for name in names},
    )


@dataclass(frozen=True)
class Question:
    """What is asked of every trial.

    Attributes
    ----------
    worlds : the scenario, or one a draw; `space` : what may be set
    measure : a name of `mix.COSTS`; `quantile` : lower quantile of the objective over worlds that counts, None for the mean
    fund_risk_limit : most that the mean probability of a fund that cannot pay may be, or None
    ruled_out : instruments that stay off
    """

    worlds: tuple[World, ...]
    space: tuple[Setting, ...]
    objective: Objective
    measure: str = "with_capital"
    quantile: float | None = None
    fund_risk_limit: float | None = None
    workers: int = 1
    ruled_out: tuple[str, ...] = ()

    def held(self, place: Sequence[float] | Array) -> tuple[float, ...]:
        """The place within the space, instruments that are ruled out at zero."""
        return tuple(
            0.0 if s.instrument in self.ruled_out else min(max(float(x), 0.0), 1.0)
            for s, x in zip(self.space, place, strict=True)
        )

    @property
    def instruments(self) -> tuple[str, ...]:
        """Instruments that may be used."""
        return tuple(dict.fromkeys(s.instrument for s in self.space if s.instrument not in self.ruled_out))

    def ask(self, place: Sequence[float] | Array) -> Trial:
        """Try a mix."""
        place = self.held(place)
        paths = 0 if self.fund_risk_limit is None else RISK_PATHS
        return trial(
            self.worlds,
            self.space,
            place,
            self.objective,
            self.measure,
            risk_paths=paths,
            off=self.ruled_out,
            workers=self.workers,
        )

    def nothing(self) -> Trial:
        """All instruments of the space switched off, whatever else the scenario sets: nothing but what it keeps."""
        settings = {f"{s.instrument}.active": False for s in self.space} | {s.key: s.low for s in self.space}
        found = [tried(world, settings, self.objective, self.measure) for world in self.worlds]
        costs = tuple(sum(by.values()) for _, by, _ in found)
        risks = () if self.fund_risk_limit is None else (0.0,) * len(found)
        return Trial(
            (0.0,) * len(self.space), settings, tuple(v for v, _, _ in found), costs, risks, found[0][1]
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

    def choice(self, trials: Sequence[Trial], budget: float) -> Trial:
        """The cheapest of the trials that are as good as the best to 0.1 %: money that buys nothing is not spent."""
        best = self.best(trials, budget)
        line = best.value(self.quantile) - WASTE * abs(best.value(self.quantile))
        good = [t for t in trials if self.allows(t, budget) and t.value(self.quantile) >= line]
        return min(good, key=lambda found: found.cost)


def planned_solvency(simulation: Simulation, paths: int) -> Solvency | None:
    """The fund over macro paths with the cover that lenders enrol on the expected path; None without a fund.

    As `impact.solvency` but for the answer of lenders to a fund that has been drawn on: they keep their cover. The probability
    that the fund falls short comes out nearly the same, in a tenth of the time.
    """
    if not simulation.parameters["risk_compensation.active"]:
        return None
    covered = [_AsPlanned(simulation, t) for t in range(len(simulation.years))]
    return solvency(simulation, paths, covered=covered)


def fund_risk(simulation: Simulation, paths: int) -> float:
    """Probability that the fund cannot pay all claims in some year, by `planned_solvency`; 0 without a fund."""
    found = planned_solvency(simulation, paths)
    return 0.0 if found is None else found.exhaustion


class _AsPlanned(Portfolio):
    """The covered portfolio of a year at the credibility of the expected path, whatever has happened since."""

    def __init__(self, simulation: Simulation, t: int) -> None:
        p, year = simulation.parameters, simulation.years[t]
        scheme = next(i for i in active_instruments(simulation.firms, p) if isinstance(i, RiskCompensation))
        session = scheme.open(year.year, Fund(1e12))
        self.solved = year.outcomes["risk_compensation"].facts
        self.leverage = p["risk_compensation.leverage"]
        levers = session.levers(year.other_levers, np.array([self.solved["credibility"], 1.0]))
        credit = simulation.market.run(
            year.state, Conditions(year.funding_cost, p["market.funding_cost"]), levers
        )
        credit.values *= year.share
        credit.left_unpaid = year.left_unpaid
        self.claims_now = session.claims(credit)
        under = credit.mass * session.touched
        lending = chunked_sum(credit["covered_loan"] * under)
        charged = chunked_sum(credit["covered_loan"] * under * (np.asarray(levers.fee) > 0))
        defaults = chunked_sum(credit["covered_default"] * under)
        self.lending = lending
        self.default_rate = defaults / lending if lending > 0 else 0.0
        self.fee = p["risk_compensation.fee"] * (charged / lending if lending > 0 else 0.0)

    def credibility(self, available: Array, cap: float) -> Array:
        """That of the expected path."""
        return np.full(len(available), float(self.solved["credibility"]))

    def at(self, phi: Array, available: Array, z: Array) -> tuple[Array, Array, Array]:
        """Covered lending, claims and default rate of covered loans on each path."""
        claims, expected = self.claims_now.claims(z), self.claims_now.expected
        rate = self.default_rate * (claims / expected if expected > 0 else np.zeros_like(z))
        lending = np.full(len(z), self.lending)
        scale = self._scale(lending, available)
        return lending * scale, claims * scale, rate

    def payouts(self, label: str) -> Mapping[str, Any]:
        """Not asked for here."""
        return {"year": label}
