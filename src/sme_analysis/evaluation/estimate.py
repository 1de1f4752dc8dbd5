"""One door for all designs: `estimate(panel, design)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.evaluation.adjusted import adjusted
from sme_analysis.evaluation.bunching import bunching
from sme_analysis.evaluation.design import (
    Adjusted,
    Bunching,
    Design,
    Discontinuity,
    EventStudy,
    Instrumental,
    Staggered,
    Synthetic,
    TwoWay,
)
from sme_analysis.evaluation.discontinuity import discontinuity
from sme_analysis.evaluation.effect import Effect
from sme_analysis.evaluation.fixed_effects import event_study, two_way
from sme_analysis.evaluation.instrumental import instrumental
from sme_analysis.evaluation.panel import Panel
from sme_analysis.evaluation.staggered import staggered
from sme_analysis.evaluation.synthetic import synthetic

ESTIMATORS: dict[type[Design], Callable[[Panel, Any], Effect]] = {
    TwoWay: two_way,
    EventStudy: event_study,
    Staggered: staggered,
    Synthetic: synthetic,
    Discontinuity: discontinuity,
    Instrumental: instrumental,
    Adjusted: adjusted,
    Bunching: bunching,
}


def estimate(panel: Panel, design: Design) -> Effect:
    """Find the effect of a policy by a design.

    Parameters
    ----------
    panel : checked data
    design : what is to be done

    Raises
    ------
    InputErrors
        The data lack a column that the design needs, have one that it would ignore, or cannot carry it.
    """
    panel.require(design.needs, design.name)
    given = {"weights": "weights" in panel.frame, "covariates": bool(panel.x)}
    unused = [role for role, there in given.items() if there and role not in design.uses]
    if unused:
        raise InputErrors(
            Problem(f"columns, {role}", f"{role} that {design.name} does not use", f"no {role}")
            for role in unused
        )
    return ESTIMATORS[type(design)](panel, design)
