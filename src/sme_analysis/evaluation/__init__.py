"""What the policy did: designs, their checks and their estimates, ex post and planned ahead. Knows nothing of the simulator."""

from sme_analysis.evaluation.design import (
    DESIGNS,
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
from sme_analysis.evaluation.effect import Check, Effect, Experiment, observations, side_by_side
from sme_analysis.evaluation.estimate import estimate
from sme_analysis.evaluation.examples import staggered_roll_out, training_grants
from sme_analysis.evaluation.honest import breakdown, sensitivity
from sme_analysis.evaluation.panel import Columns, Panel, change, make_panel
from sme_analysis.evaluation.power import (
    Plan,
    best,
    candidates,
    compare,
    power_curve,
    replications,
    simulate_firms,
)
from sme_analysis.evaluation.study import Study, load_study

__all__ = [
    "DESIGNS",
    "Adjusted",
    "Bunching",
    "Check",
    "Columns",
    "Design",
    "Discontinuity",
    "Effect",
    "EventStudy",
    "Experiment",
    "Instrumental",
    "Panel",
    "Plan",
    "Staggered",
    "Study",
    "Synthetic",
    "TwoWay",
    "best",
    "breakdown",
    "candidates",
    "change",
    "compare",
    "estimate",
    "load_study",
    "make_panel",
    "observations",
    "power_curve",
    "replications",
    "sensitivity",
    "side_by_side",
    "simulate_firms",
    "staggered_roll_out",
    "training_grants",
]
