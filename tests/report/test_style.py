from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Annotation

from sme_analysis.report import figures, style


@given(st.lists(st.floats(-50, 150), min_size=1, max_size=12))
def test_labels_are_kept_apart_and_inside(wanted: list[float]) -> None:
    wanted.sort()
    heights = [8.0] * len(wanted)
    centres = style.spread(wanted, heights, 0, 100)
    edges = np.diff(centres)
    assert (edges >= 8 - 1e-6).all()
    assert min(centres) >= 4 - 1e-6
    assert max(centres) <= 96 + 1e-6


def test_labels_that_do_not_meet_stay_where_they_are() -> None:
    assert style.spread([10, 50, 90], [8, 8, 8], 0, 100) == [10, 50, 90]


def test_line_names_fit_on_the_picture_without_overlap() -> None:
    fig = style.new_figure(5, 2)
    ax = fig.subplots()
    data = pd.DataFrame(
        {"x": [0, 1] * 3, "y": [0, 1, 0, 1.001, 0, 1.002], "case": np.repeat(["one", "two", "three"], 2)}
    )
    figures.lines(ax, data, "x", "y", "case", names={"one": "A rather long name of a line"})
    style.settle_labels(fig)
    boxes = [text.get_window_extent() for text in ax.texts if isinstance(text, Annotation)]
    assert len(boxes) == 3
    for number, box in enumerate(boxes):
        assert box.x1 <= fig.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])


def test_bar_values_below_zero_stay_clear_of_the_names() -> None:
    fig = style.new_figure(6, 2)
    ax = fig.subplots()
    figures.bars(ax, ["Micro", "Medium"], [120.5, -12.5], "change_money")
    fig.draw_without_rendering()
    name = ax.get_yticklabels()[1].get_window_extent()
    value = next(text for text in ax.texts if "12.5" in text.get_text()).get_window_extent()
    assert not name.overlaps(value)


@pytest.mark.parametrize(
    ("limits", "wanted"), [((0, 80), {"0", "CNY 40 m"}), ((-500, 1500), {"0", "−CNY 0.5 bn", "CNY 1 bn"})]
)
def test_an_axis_of_money_has_one_scale(limits: tuple[float, float], wanted: set[str]) -> None:
    ax = style.new_figure().subplots()
    ax.set_ylim(*limits)
    style.axis_money(ax.yaxis)
    texts = {ax.yaxis.get_major_formatter()(value) for value in ax.get_yticks()}
    assert wanted <= texts
    assert len({text.rpartition(" ")[2] for text in texts - {"0"}}) == 1


def test_shares_and_years_on_axes() -> None:
    ax = style.new_figure().subplots()
    style.axis_percent(ax.yaxis)
    style.axis_years(ax.xaxis)
    assert ax.yaxis.get_major_formatter()(0.30000000000000004) == "30 %"
    assert ax.xaxis.get_major_formatter()(2027.0) == "2027"


def test_the_style_is_set_for_all_figures() -> None:
    with matplotlib.rc_context():
        style.use_style()
        assert matplotlib.rcParams["svg.hashsalt"] == "sme-analysis"
        assert matplotlib.rcParams["figure.constrained_layout.use"]


def contrast(color: str) -> float:
    """Contrast with white, as WCAG 2.2 defines it."""
    channels = np.array(matplotlib.colors.to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05))


def test_lines_and_words_can_be_told_from_the_page() -> None:
    assert min(contrast(color) for color in style.SEQUENCE) >= 3
    assert min(contrast(style.PALETTE[name]) for name in ("policy", "counterfactual", "ink", "quiet")) >= 4.5
