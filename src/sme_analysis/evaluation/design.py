"""Designs: how an effect is to be found, as frozen data; from Python or from a YAML file (`study`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.scenario.units import nearest


@dataclass(frozen=True, kw_only=True)
class Design:
    """What all designs have: `level` of the intervals shown, a fraction.

    `choices` are the words that an option may be; `positive` the options that must be above zero; `uses` the roles, beside
    those that it `needs`, that would change the answer: weights or covariates that a design does not use are refused.
    """

    level: float = 0.9
    name: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()
    uses: ClassVar[tuple[str, ...]] = ()
    choices: ClassVar[dict[str, tuple[str, ...]]] = {}
    positive: ClassVar[tuple[str, ...]] = ()

    def problems(self) -> list[tuple[str, str, str, str | None]]:
        """Return (option, given, allowed, hint) for every option that is not allowed."""
        found: list[tuple[str, str, str, str | None]] = []
        if not 0 < self.level < 1:
            found.append(("level", f"{self.level:g}", "a fraction between 0 and 1, such as 0.9", None))
        for option, words in self.choices.items():
            given = getattr(self, option)
            if given not in words:
                found.append((option, f'"{given}"', "one of " + ", ".join(words), nearest(str(given), words)))
        for option in self.positive:
            given = getattr(self, option)
            if given is not None and not given > 0:
                found.append((option, f"{given:g}", "a number above 0", None))
        return found

    def __post_init__(self) -> None:
        if found := self.problems():
            raise InputErrors(
                Problem(f"{self.name}, {option}", given, allowed, hint)
                for option, given, allowed, hint in found
            )


@dataclass(frozen=True, kw_only=True)
class TwoWay(Design):
    """Regression on treatment, covariates and fixed effects.

    `effects`: taken out; `errors`: by cluster, wild bootstrap by cluster, or of independent rows with one variance.
    """

    effects: str = "unit and time"
    errors: str = "cluster"
    draws: int = 4096
    seed: int = 1
    name: ClassVar[str] = "two-way fixed effects"
    uses: ClassVar[tuple[str, ...]] = ("weights", "covariates")
    needs: ClassVar[tuple[str, ...]] = ("treatment",)
    choices: ClassVar = {
        "effects": ("unit and time", "unit", "time", "none"),
        "errors": ("cluster", "wild", "independent"),
    }
    positive: ClassVar = ("draws",)

    @property
    def taken_out(self) -> tuple[str, ...]:
        """Canonical columns whose fixed effects are taken out."""
        return () if self.effects == "none" else tuple(self.effects.split(" and "))


@dataclass(frozen=True, kw_only=True)
class EventStudy(Design):
    """Two-way fixed effects with an effect for each period around the start; `before`, `after`: periods shown, ends pooled."""

    before: int = 5
    after: int = 5
    name: ClassVar[str] = "event study"
    uses: ClassVar[tuple[str, ...]] = ("weights", "covariates")
    needs: ClassVar[tuple[str, ...]] = ("unit", "time", "cohort")
    positive: ClassVar = ("before", "after")


@dataclass(frozen=True, kw_only=True)
class Staggered(Design):
    """Effects by cohort and period, without forbidden comparisons.

    `method`; `controls`: never treated, or not yet treated as well; `average`: over treated rows (simple), over periods since
    the start (dynamic), over cohorts (group) or over calendar periods; `anticipation`: periods before the start left out;
    `base`: differences before the start from the period before (varying) or from the last before the start (universal);
    `by_period`: effects by period as well, which takes imputation five times as long.
    """

    method: str = "callaway-santanna"
    controls: str = "never"
    average: str = "simple"
    anticipation: int = 0
    base: str = "varying"
    by_period: bool = True
    name: ClassVar[str] = "staggered adoption"
    uses: ClassVar[tuple[str, ...]] = ("covariates",)
    needs: ClassVar[tuple[str, ...]] = ("unit", "time", "cohort")
    choices: ClassVar = {
        "method": ("callaway-santanna", "sun-abraham", "imputation"),
        "controls": ("never", "not yet"),
        "average": ("simple", "dynamic", "group", "calendar"),
        "base": ("varying", "universal"),
    }


@dataclass(frozen=True, kw_only=True)
class Synthetic(Design):
    """One cohort against a weighted mean of the untreated.

    `method`: synthetic difference-in-differences, synthetic control or plain difference-in-differences, with placebo
    inference; `solver`: the exact optimum, or Frank–Wolfe stopped early as in the published programs.
    """

    method: str = "synthetic difference-in-differences"
    solver: str = "exact"
    placebos: int = 200
    seed: int = 1
    name: ClassVar[str] = "synthetic"
    needs: ClassVar[tuple[str, ...]] = ("unit", "time", "cohort")
    choices: ClassVar = {
        "method": ("synthetic difference-in-differences", "synthetic control", "difference-in-differences"),
        "solver": ("exact", "frank-wolfe"),
    }
    positive: ClassVar = ("placebos",)


@dataclass(frozen=True, kw_only=True)
class Discontinuity(Design):
    """Local linear regression at a cut-off with robust bias-corrected intervals.

    `cutoffs`: one or several, in units of the running variable; `treated`: side; `fuzzy`: the treatment column says who took
    it up; `bandwidth`: None lets the data choose; `placebos`: false cut-offs tried; `change`: outcome after minus before.
    """

    cutoffs: tuple[float, ...] = (0.0,)
    treated: str = "above"
    fuzzy: bool = False
    bandwidth: float | None = None
    placebos: int = 4
    change: bool = False
    name: ClassVar[str] = "regression discontinuity"
    uses: ClassVar[tuple[str, ...]] = ("covariates",)
    needs: ClassVar[tuple[str, ...]] = ("running",)
    choices: ClassVar = {"treated": ("above", "below")}
    positive: ClassVar = ("bandwidth",)


@dataclass(frozen=True, kw_only=True)
class Instrumental(Design):
    """Two-stage least squares with Anderson–Rubin intervals, which hold for weak instruments.

    `effects` and `errors` as in TwoWay.
    """

    effects: str = "none"
    errors: str = "cluster"
    name: ClassVar[str] = "instrumental variables"
    uses: ClassVar[tuple[str, ...]] = ("weights", "covariates")
    needs: ClassVar[tuple[str, ...]] = ("treatment", "instruments")
    choices: ClassVar = {
        "effects": ("unit and time", "unit", "time", "none"),
        "errors": ("cluster", "independent"),
    }

    @property
    def taken_out(self) -> tuple[str, ...]:
        """Canonical columns whose fixed effects are taken out."""
        return () if self.effects == "none" else tuple(self.effects.split(" and "))


@dataclass(frozen=True, kw_only=True)
class Adjusted(Design):
    """The treated against untreated units like them: `method` weighting (doubly robust) or matching.

    `neighbours` of a match; `trim`: propensity scores above are left out; `change`: outcome after minus before.
    """

    method: str = "weighting"
    neighbours: int = 1
    trim: float = 0.995
    change: bool = False
    name: ClassVar[str] = "adjusted comparison"
    uses: ClassVar[tuple[str, ...]] = ("weights", "covariates")
    needs: ClassVar[tuple[str, ...]] = ("covariates",)
    choices: ClassVar = {"method": ("weighting", "matching")}
    positive: ClassVar = ("neighbours", "trim")


@dataclass(frozen=True, kw_only=True)
class Bunching(Design):
    """Excess of units at a cap of the running variable over a smooth density.

    `cap`, `width` of a bin, `below` and `above`: how far bunching reaches, all in units of the running variable; `reach`: how
    far the density is fitted; `order` of the polynomial; `draws` of the bootstrap.
    """

    cap: float
    width: float
    below: float
    above: float
    reach: float
    order: int = 5
    draws: int = 500
    seed: int = 1
    name: ClassVar[str] = "bunching"
    needs: ClassVar[tuple[str, ...]] = ("running",)
    positive: ClassVar = ("width", "reach", "draws")


DESIGNS: tuple[type[Design], ...] = (
    TwoWay, EventStudy, Staggered, Synthetic, Discontinuity, Instrumental, Adjusted, Bunching,
)  # fmt: skip
