"""Learning: what an evaluation found re-weights the draws of what was unknown beforehand.

An estimate of size b with standard error s, of an experiment that the model can repeat, has the likelihood
exp(-(b - f(theta))^2 / 2 (s^2 + d^2)), f the model's own answer to the same experiment and d what a model may miss by
although its parameters are right. Weights of the draws are multiplied by it (importance sampling); Kish (1965) has the
effective number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.errors import InputErrors, Problem, UserError
from sme_analysis.inference.draws import Draws
from sme_analysis.inference.experiments import EXPERIMENTS
from sme_analysis.inference.parallel import Progress
from sme_analysis.inference.uncertainty import weighted_quantiles
from sme_analysis.inference.validation import answers_by_draw
from sme_analysis.scenario import Calibration, Parameters
from sme_analysis.scenario.calibrations import Evidence, rounded
from sme_analysis.scenario.units import nearest

Array = npt.NDArray[np.float64]
LEAST = 50.0  # effective draws below which no conclusion is drawn
MISFIT = 0.01  # prior predictive tail beyond which model and estimate contradict each other


class Collapsed(UserError):
    """Too few draws agree with the evidence to conclude anything from them."""


@dataclass(frozen=True)
class Learned:
    """Draws before and after the evidence.

    Attributes
    ----------
    before, after : the same draws with their weights before and after
    answers : the model's answers by draw, one column an experiment
    evidence : what was learned from
    """

    before: Draws
    after: Draws
    answers: pd.DataFrame
    evidence: tuple[Evidence, ...]

    def experiments(self) -> pd.DataFrame:
        """Each estimate beside the model's answers before and after.

        Returns
        -------
        DataFrame: experiment, measures, unit, effect, standard_error, and 5, 50, 95 % of the answers before and after; `rank`,
        the share of prior weight below the estimate
        """
        rows = []
        for e in self.evidence:
            x = self.answers[e.experiment].to_numpy(dtype=float)
            known = EXPERIMENTS[e.experiment]
            ends = {
                f"{name}_{side}": value
                for side, draws in (("before", self.before), ("after", self.after))
                for name, value in zip(
                    ("low", "median", "high"),
                    weighted_quantiles(x, draws.weights, (0.05, 0.5, 0.95)),
                    strict=True,
                )
            }
            rows.append(
                {
                    "experiment": e.experiment,
                    "measures": known.measures,
                    "unit": known.unit,
                    "effect": e.effect,
                    "standard_error": e.standard_error,
                    **ends,
                    "rank": _rank(x, self.before.weights, e.effect),
                }
            )
        return pd.DataFrame(rows)

    def parameters(self) -> pd.DataFrame:
        """Each parameter's 5, 50 and 95 % before and after, those first on which the experiments' answers hang most.

        `link` is the largest rank correlation with an answer (without one, a shift is the draws' own noise); `learned` one less
        the ratio of the standard deviations after and before; `shift` the move of the mean in standard deviations before.
        """
        rows = []
        links = self.before.frame().apply(lambda x: self.answers.corrwith(x, method="spearman").abs().max())
        for k, key in enumerate(self.before.keys):
            x = self.before.values[:, k]
            (m0, s0), (m1, s1) = (_moments(x, d.weights) for d in (self.before, self.after))
            if s0 == 0:
                continue
            old, new = (
                weighted_quantiles(x, d.weights, (0.05, 0.5, 0.95)) for d in (self.before, self.after)
            )
            rows.append((key, *old, *new, links[key], 1 - s1 / s0, (m1 - m0) / s0))
        ends = [f"{part}_{side}" for side in ("before", "after") for part in ("low", "median", "high")]
        table = pd.DataFrame(rows, columns=["key", *ends, "link", "learned", "shift"])
        order = np.argsort(-table["link"].to_numpy(dtype=float), kind="stable")
        return table.iloc[order].reset_index(drop=True)


def learn(
    parameters: Parameters,
    draws: Draws,
    evidence: Sequence[Evidence],
    *,
    model_error: float = 0.5,
    firms: int = 2000,
    answers: pd.DataFrame | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Learned:
    """Re-weight draws by how well the model's own answers fit what was found.

    Parameters
    ----------
    parameters : of the scenario; the experiments switch its instruments off and their own on
    draws : from `parameter_draws`
    evidence : estimates with standard errors, each of an experiment in `EXPERIMENTS`
    model_error : d as a multiple of each standard error
    answers : the model's answers where they are at hand, one row a draw

    Raises
    ------
    InputErrors : an experiment that is not known, twice the same, or a standard error that is not positive
    Collapsed : fewer than 50 effective draws are left, or an estimate lies where less than 1 % of the draws reach
    """
    problems = _problems(evidence)
    if problems:
        raise InputErrors(problems)
    names = [e.experiment for e in evidence]
    if answers is None:
        answers = answers_by_draw(parameters, list(draws), firms, names, workers=workers, progress=progress)
    log = np.zeros(len(draws))
    for e in evidence:
        x = answers[e.experiment].to_numpy(dtype=float)
        spread = e.standard_error * np.sqrt(1 + model_error**2)
        log += np.where(np.isfinite(x), -0.5 * ((e.effect - x) / spread) ** 2, -np.inf)
    weights = draws.weights * np.exp(log - log.max()) if np.isfinite(log).any() else np.zeros(len(draws))
    if not weights.sum() > 0:
        raise Collapsed("No draw has an answer to every experiment: nothing can be learned from them.")
    found = Learned(draws, draws.reweighted(weights), answers, tuple(evidence))
    _refuse_collapse(found)
    return found


def _refuse_collapse(found: Learned) -> None:
    table, left = found.experiments(), found.after.effective
    far = [
        f"{row['experiment']} was found to be {row['effect']:.3g} and the model answers "
        f"{row['low_before']:.3g} to {row['high_before']:.3g}"
        for row in table.to_dict("records")
        if not MISFIT <= row["rank"] <= 1 - MISFIT
        and min(abs(row["effect"] - row[end]) for end in ("low_before", "high_before"))
        > 2 * row["standard_error"]
    ]
    if far:
        raise Collapsed(
            f"The model contradicts the evidence: {'; '.join(far)}. Re-weighting would pick its extremes. Look for what the "
            "model or the experiment leaves out, or widen the distributions of what is unknown."
        )
    if left < LEAST:
        raise Collapsed(
            f"Only {left:.0f} effective draws of {len(found.after)} agree with the evidence; at least {LEAST:.0f} are needed. "
            f"Take more draws (about {int(np.ceil(len(found.after) * 1.5 * LEAST / max(left, 1.0))):,}) or a larger model error."
        )


def promoted(
    found: Learned, parameters: Parameters, base: Calibration | None, name: str, title: str, made: str
) -> tuple[Calibration, pd.DataFrame]:
    """The posterior as a calibration with its evidence attached, and its draws.

    Its estimates are weighted means, of logarithms where a parameter is positive throughout; all that was drawn is in it.
    """
    keys, weights = found.after.keys, found.after.weights
    positive = [bool((found.after.values[:, k] > 0).all()) for k in range(len(keys))]
    on = np.column_stack([np.log(x) if p else x for p, x in zip(positive, found.after.values.T, strict=True)])
    mean = weights @ on
    centred = on - mean
    covariance = (centred * weights[:, None]).T @ centred
    catalogue = parameters.catalogue
    estimates = [
        _within(
            catalogue[key].low, catalogue[key].high, float(np.exp(m)) if p else float(m), catalogue[key].unit
        )
        for key, p, m in zip(keys, positive, mean, strict=True)
    ]
    draws = pd.DataFrame({"block": found.after.block, "weight": weights * len(weights)}).join(
        found.after.frame()
    )
    calibration = Calibration(
        name=name,
        title=title,
        method="draws re-weighted by evaluations"
        if base is None
        else f"draws of {base.name} re-weighted by evaluations",
        made=made,
        extends=base.name if base else "",
        keys=keys,
        scales=tuple("log" if p else "linear" for p in positive),
        estimates=rounded(estimates, 6),
        covariance=tuple(rounded(row, 6) for row in ((covariance + covariance.T) / 2).tolist()),
        evidence=(*(base.evidence if base else ()), *found.evidence),
    )
    return calibration, draws


def _within(low: float, high: float, value: float, unit: str) -> float:
    held = min(max(value, low), high)
    return float(round(held)) if unit == "count" else held


def _problems(evidence: Sequence[Evidence]) -> list[Problem]:
    problems = [
        Problem(
            f"evidence {k}, experiment",
            f'"{e.experiment}"',
            "one of " + ", ".join(EXPERIMENTS),
            nearest(e.experiment, list(EXPERIMENTS)),
        )
        for k, e in enumerate(evidence, 1)
        if e.experiment not in EXPERIMENTS
    ]
    names = [e.experiment for e in evidence]
    problems += [
        Problem(
            "evidence",
            f"{name} {names.count(name)} times",
            "every experiment once",
            "pool the estimates first",
        )
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    return problems or ([] if evidence else [Problem("evidence", "nothing", "an estimate or more")])


def _rank(x: Array, weights: Array, value: float) -> float:
    kept = np.isfinite(x)
    return float(weights[kept & (x < value)].sum() / weights[kept].sum())


def _moments(x: Array, weights: Array) -> tuple[float, float]:
    mean = float(weights @ x)
    return mean, float(np.sqrt(weights @ (x - mean) ** 2))
