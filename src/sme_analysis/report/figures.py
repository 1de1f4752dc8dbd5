"""Drawing helpers that several figures share: lines with names, fans, bars with values, marked levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sme_analysis.report.quantities import number_text
from sme_analysis.report.style import PALETTE, SEQUENCE, label_line


def lines(
    ax: Axes,
    data: pd.DataFrame,
    x: str,
    y: str,
    by: str,
    colors: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
) -> None:
    """Draw one line a group, each named at its end.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    data : DataFrame
        Tidy, one row a point.
    x, y, by : str
        Columns of the two axes and of the groups.
    colors : mapping, optional
        Group -> colour; a group called "counterfactual" is drawn dashed.
    names : mapping, optional
        Group -> name shown.
    """
    for number, (group, rows) in enumerate(data.groupby(by, sort=False, observed=True)):
        key = str(group)
        color = (colors or {}).get(key) or PALETTE.get(key) or SEQUENCE[number % len(SEQUENCE)]
        rows = rows.dropna(subset=[y]).sort_values(x)
        if rows.empty:
            continue
        ax.plot(rows[x], rows[y], color=color, linestyle="--" if key == "counterfactual" else "-")
        last = rows.iloc[-1]
        label_line(ax, float(last[x]), float(last[y]), (names or {}).get(key, key), color)


def fan(
    ax: Axes,
    x: Sequence[float],
    bands: Sequence[tuple[Sequence[float], Sequence[float]]],
    color: str | None = None,
) -> None:
    """Draw nested bands of quantiles, the widest first.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    x : sequence of float
        Shared axis.
    bands : sequence of (low, high)
        From the widest to the narrowest.
    color : str, optional
        Of the bands, by default that of the policy.
    """
    for low, high in bands:
        ax.fill_between(x, low, high, color=color or PALETTE["policy"], alpha=0.18, linewidth=0)


def bars(
    ax: Axes,
    names: Sequence[str],
    values: Sequence[float],
    unit: str,
    colors: Sequence[str] | str | None = None,
) -> None:
    """Draw horizontal bars, first on top, each with its value.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    names : sequence of str
        One a bar.
    values : sequence of float
        In inner units; below zero to the left.
    unit : str
        One of `quantities.NUMERIC`.
    colors : sequence of str or str, optional
        By default that of the policy.
    """
    places = np.arange(len(names))
    ax.barh(places, values, color=colors or PALETTE["policy"], height=0.66)
    for place, value in zip(places, values, strict=True):
        ax.annotate(
            number_text(value, unit),
            (value, place),
            xytext=(4 if value >= 0 else -4, 0),
            textcoords="offset points",
            va="center",
            ha="left" if value >= 0 else "right",
            fontsize=9,
        )
    ax.axvline(0, color=PALETTE["neutral"], linewidth=0.8)
    ax.set_yticks(places, names)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    ax.invert_yaxis()
    ax.set_xticks([])
    ax.spines[["bottom", "left"]].set_visible(False)
    low, high = min(0.0, *values), max(0.0, *values)
    # Names stand at the left edge: values below zero need room between the two.
    ax.set_xlim(low - 0.25 * (high - low) if low < 0 else 0, high or None)


def level(ax: Axes, y: float, text: str, color: str | None = None) -> None:
    """Mark a level across the axes, named at its left end.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    y : float
        The level, in data units.
    text : str
        What it is.
    color : str, optional
        Of line and text.
    """
    color = color or PALETTE["quiet"]
    ax.axhline(y, color=color, linewidth=1.0, linestyle=(0, (2, 2)))
    ax.annotate(
        text,
        (0, y),
        xycoords=ax.get_yaxis_transform(),
        xytext=(4, 3),
        textcoords="offset points",
        fontsize=9,
        color=color,
    )


def region(ax: Axes, start: float, end: float, text: str, color: str | None = None) -> None:
    """Shade a range of the horizontal axis and name it at the top.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    start, end : float
        In data units.
    text : str
        What the range means.
    color : str, optional
        A light colour, by default that of bad outcomes.
    """
    ax.axvspan(start, end, color=color or PALETTE["bad_band"], linewidth=0, zorder=0)
    ax.annotate(
        text,
        ((start + end) / 2, 1),
        xycoords=ax.get_xaxis_transform(),
        xytext=(0, -4),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=9,
        color=PALETTE["quiet"],
    )
