"""Figures and tables of the notebook on calibration and validation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from sme_analysis.inference.calibration import Fit
from sme_analysis.inference.moments import MOMENTS
from sme_analysis.report import style


def fit_plot(table: pd.DataFrame) -> Figure:
    """How many standard errors the model lies above each published figure; targeted ones filled, two errors shaded."""
    fig = style.new_figure(height=0.8 + 0.36 * len(table))
    ax = fig.subplots()
    place = np.arange(len(table))
    ax.axvspan(-2, 2, color=style.PALETTE["good_band"], linewidth=0, zorder=0)
    ax.axvline(0, color=style.PALETTE["neutral"], linewidth=0.8)
    looks = {"targeted": ("o", "policy"), "implied": ("s", "neutral"), "untargeted": ("D", "accent")}
    for role, (marker, shade) in looks.items():
        here = (table["role"] == role).to_numpy()
        distance = table["distance"].to_numpy(dtype=float)[here]
        color = style.PALETTE[shade]
        ax.plot(distance, place[here], marker, color=color, label=role, markersize=7, linestyle="none")
    ax.set_yticks(place, [style.folded(str(m), 44) for m in table["measure"]])
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("standard errors above the figure (shaded: two)")
    fig.legend(loc="outside upper right", ncols=3)
    return fig


def influence_data(fit: Fit) -> pd.DataFrame:
    """How each estimate would move, in per cent, if one published figure were a standard error higher: -(J'WJ)^-1 J'W.

    Columns: parameter, then one a targeted moment.
    """
    gain = fit.covariance @ fit.jacobian.T
    names = [t.moment for t in fit.targets if t.role == "targeted"]
    labels = [fit.parameters.catalogue[key].label for key in fit.estimates]
    return pd.DataFrame(_per_cent(gain), columns=names).assign(parameter=labels)[["parameter", *names]]


def _per_cent(logs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Whole per cents, no minus before a zero."""
    found: npt.NDArray[np.float64] = np.round(100 * np.expm1(logs)) + 0.0
    return found


def short_names() -> dict[str, str]:
    """Headings of targeted moments that fit a column."""
    short = {
        "bank_loans": "Loans",
        "mean_bank_loan": "Mean loan",
        "bank_rate": "Rate",
        "bank_pd": "Default rate",
        "granted": "Granted",
        "needs_collateral": "Needs collateral",
    }
    return {name: short.get(name, moment.label) for name, moment in MOMENTS.items()}


def held_data(fit: Fit, held: pd.DataFrame, most: int = 8) -> pd.DataFrame:
    """The parameters held fixed that the estimates answer to most: change of each in per cent if they were 10 % higher.

    Parameters
    ----------
    held : elasticities of the estimates (columns) in the parameters (rows)
    """
    order = np.argsort(-held.abs().max(axis=1).to_numpy(), kind="stable")[:most]
    table = held.iloc[order]
    labels = [fit.parameters.catalogue[str(key)].label for key in table.index]
    moved = pd.DataFrame(_per_cent(0.1 * table.to_numpy(dtype=float)), columns=table.columns)
    return moved.assign(parameter=labels)[["parameter", *held.columns]]
