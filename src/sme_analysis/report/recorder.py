"""Named results that a notebook leaves behind, inside its own outputs.

Every result is shown to the reader and carried along as JSON in the same output, so that raw papermill,
*Run All* and the runner all produce a notebook from which its results can be read back.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.report import style, tables
from sme_analysis.report.content import Fault, column_faults, figure_faults, flat, plain_value, table_content
from sme_analysis.report.quantities import NUMERIC, UNIT_HEADINGS, is_missing, is_number, number_text
from sme_analysis.report.session import current_cell, publish
from sme_analysis.scenario import Scenario
from sme_analysis.scenario.units import nearest

RESULT_MIME = "application/vnd.sme-analysis.result+json"
RESULT_VERSION = 1
INTERVAL_WORDS = "5–95 %"

_CSS_DPI = 96  # pixels of a page to the inch; the picture itself has more, for sharp screens
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# What a Markdown renderer would take for the start of a tag; "PD < 5 %" stays as it is.
_TAG = re.compile(r"<(?=[A-Za-z/!?])")

Show = Callable[[dict[str, Any], dict[str, Any]], None]


class RecordError(InputErrors):
    """A result that cannot be published as it was given."""


class Recorder:
    """Show results to the reader of a notebook and record them for the pages, tables and checks of a run.

    Parameters
    ----------
    notebook : str
        Name of the notebook without its ending, such as "03_risk_compensation".
    scenario : Scenario
        What the results were computed for; `rest_on` names keys of its catalogue.
    show : callable, optional
        Takes the data and the metadata of an output, both by mime type; by default the notebook shows it.
    """

    def __init__(self, notebook: str, scenario: Scenario, show: Show = publish) -> None:
        self.notebook = notebook
        self.scenario = scenario
        self._show = show
        self._results: dict[str, dict[str, Any]] = {}
        self._cells: dict[str, tuple[str, int] | None] = {}

    @property
    def results(self) -> tuple[dict[str, Any], ...]:
        """What was recorded so far, in order."""
        return tuple(self._results.values())

    def number(
        self,
        name: str,
        value: float,
        *,
        unit: str,
        label: str,
        rests_on: Iterable[str] = (),
        digits: int | None = None,
        note: str = "",
        missing: str = "",
        interval: tuple[float, float] | None = None,
    ) -> None:
        """Record a headline number and show it as a labelled line.

        Parameters
        ----------
        name : str
            Lower-case name, once a notebook.
        value : float
            In inner units: a fraction, CNY million, years, a count.
        unit : str
            One of `quantities.NUMERIC`, such as "money", "share", "change_rate" (shown in basis points).
        label : str
            What the number is, with its year.
        rests_on : iterable of str
            Catalogue keys, or groups of them such as "risk_compensation".
        digits : int, optional
            Significant digits shown.
        note : str
            A reservation that belongs to the number.
        missing : str
            Why there may be no value, such as "no public cost"; where it is NaN, "–" and this reason are shown.
        interval : (low, high), optional
            5 and 95 % of what is unknown, shown beside the value; missing ends show nothing.

        Raises
        ------
        RecordError
            If a name or label is missing or used, the unit unknown, the interval upside down, or the value no
            finite number and nothing said about why.
        """
        problems = self._check(name, {"label": label})
        absent = bool(missing.strip()) and is_missing(value)
        if unit not in NUMERIC:
            allowed = "one of " + ", ".join(UNIT_HEADINGS)
            problems.append(("unit", f'"{unit}"', allowed, nearest(str(unit), tuple(UNIT_HEADINGS))))
        if not absent and not (is_number(value) and math.isfinite(value)):
            hint = 'say missing="why" where there can be none' if is_missing(value) else None
            problems.append(("value", str(value), "a finite number", hint))
        known = interval is not None and all(is_number(end) and math.isfinite(end) for end in interval)
        if interval is not None and known and interval[0] > interval[1]:
            problems.append(("interval", f"{interval[0]:g} to {interval[1]:g}", "the lower end first", None))
        keys = self._keys(rests_on, problems)
        self._refuse("number", name, problems)
        text = number_text(value, unit, digits)
        low, high = interval if interval is not None and known else (None, None)
        between = (
            f"{number_text(low, unit, digits)} to {number_text(high, unit, digits)}"
            if low is not None and high is not None
            else ""
        )
        note = "; ".join(filter(None, [missing.strip() if absent else "", note]))
        beside = "; ".join(filter(None, [f"{INTERVAL_WORDS}: {between}" if between else "", note]))
        small = f' <span style="{tables.SMALL_STYLE}">{escape(beside)}</span>' if beside else ""
        html = (
            f'<p class="result result-number"><span class="label">{escape(label)}:</span> '
            f'<strong style="white-space:nowrap">{escape(text)}</strong>{small}</p>'
        )
        plain = f"{label}: {text}" + (f" ({beside})" if beside else "")
        record = {"label": label, "value": plain_value(value), "unit": unit, "text": text, "note": note}
        if between:
            record |= {"low": plain_value(low), "high": plain_value(high), "interval": between}
        self._record("number", name, record, keys, {"text/html": html, "text/plain": plain})

    def table(
        self,
        name: str,
        data: pd.DataFrame,
        *,
        caption: str,
        source: str,
        labels: Mapping[str, str] | None = None,
        units: Mapping[str, str] | None = None,
        digits: Mapping[str, int] | int | None = None,
        note: str = "",
        rests_on: Iterable[str] = (),
        hidden: Iterable[str] = (),
    ) -> None:
        """Record a tidy table and show it.

        Parameters
        ----------
        name : str
            Lower-case name, once a notebook.
        data : DataFrame
            A named index becomes the first columns; the first column heads the rows. A truth column
            `confirmed` is shown as a badge on the rows where it is False.
        caption : str
            What the table shows.
        source : str
            Where its figures come from, such as "model run" or a publication.
        labels : mapping
            Column -> heading, for every column that is shown, unless it is among `tables.COMMON_LABELS`.
        units : mapping, optional
            Column -> unit, or "=other" where the column `other` holds the unit of each row.
        digits : mapping or int, optional
            Decimal places as shown, for all columns or by column.
        note : str
            Reservations.
        rests_on : iterable of str
            Catalogue keys or groups.
        hidden : iterable of str
            Columns that are recorded and not shown.

        Raises
        ------
        RecordError
            If a caption, source or label is missing, a unit or column unknown, or a value infinite.
        """
        data = flat(data)
        problems = self._check(name, {"caption": caption, "source": source})
        problems += column_faults(data, labels or {}, units or {}, digits, labelled=True)
        keys = self._keys(rests_on, problems)
        self._refuse("table", name, problems)
        columns = tables.columns_of(data, labels or {}, units, digits)
        apart = set(hidden)
        shown = [column for column in columns if column.name not in apart]
        html = tables.html_table(data, shown, caption, tables.source_html(source, note))
        below = "\n".join(filter(None, [note, f"Source: {source}"]))
        record = {
            "label": caption,
            "caption": caption,
            "source": source,
            "note": note,
            **table_content(data, columns),
        }
        plain = tables.text_table(data, shown, caption, below)
        self._record("table", name, record, keys, {"text/html": html, "text/plain": plain})

    def figure(
        self,
        name: str,
        fig: Figure,
        *,
        data: pd.DataFrame,
        alt: str,
        caption: str,
        source: str,
        labels: Mapping[str, str] | None = None,
        units: Mapping[str, str] | None = None,
        note: str = "",
        rests_on: Iterable[str] = (),
    ) -> None:
        """Record a figure with the data it draws, show it with its caption below, and close it.

        Parameters
        ----------
        name : str
            Lower-case name, once a notebook.
        fig : Figure
            From `style.new_figure` or `matplotlib.pyplot`.
        data : DataFrame
            What is drawn, tidy.
        alt : str
            What the figure shows, with numbers, for those who do not see it.
        caption, source, note : str
            As for a table.
        labels, units : mapping, optional
            Column -> heading and unit of `data`.
        rests_on : iterable of str
            Catalogue keys or groups.

        Raises
        ------
        RecordError
            If alt text, caption, source or data are missing.
        """
        data = flat(data)
        problems = self._check(name, {"alt": alt, "caption": caption, "source": source})
        problems += figure_faults(fig)
        problems += column_faults(data, labels or {}, units or {}, None, labelled=False)
        keys = self._keys(rests_on, problems)
        self._refuse("figure", name, problems)
        columns = tables.columns_of(data, labels or {}, units)
        record = {
            "label": caption,
            "caption": caption,
            "alt": alt,
            "source": source,
            "note": note,
            **table_content(data, columns),
        }
        width = round(fig.get_figwidth() * _CSS_DPI)
        png = style.png(fig)
        style.close(fig)
        image = {"image/png": base64.b64encode(png).decode("ascii"), "text/plain": alt}
        self._record("figure", name, record, keys, image, {"image/png": {"alt": alt, "width": width}})
        below = "\n".join(filter(None, [caption, note, f"Source: {source}"]))
        self._show({"text/html": tables.source_html(source, note, lead=caption), "text/plain": below}, {})

    def sentence(self, name: str, markdown: str, *, rests_on: Iterable[str] = ()) -> None:
        """Record and show a statement in words.

        Parameters
        ----------
        name : str
            Lower-case name, once a notebook; "answer" is the one a notebook opens with.
        markdown : str
            Text with Markdown emphasis; HTML in it is shown as text.
        rests_on : iterable of str
            Catalogue keys or groups.

        Raises
        ------
        RecordError
            If it is empty or holds a number that could not be computed ("nan").
        """
        problems = self._check(name, {"markdown": markdown})
        if not problems and re.search(r"(?<![\w.])[-+−]?(nan|inf)(?!\w)", markdown):
            problems.append(("markdown", f'"{markdown}"', "finite numbers", None))
        keys = self._keys(rests_on, problems)
        self._refuse("sentence", name, problems)
        text = _TAG.sub("&lt;", " ".join(markdown.split()) if "\n\n" not in markdown else markdown.strip())
        self._record("sentence", name, {"text": text}, keys, {"text/markdown": text, "text/plain": text})

    def _check(self, name: object, texts: Mapping[str, object]) -> list[Fault]:
        """Return faults of a result's name and of the texts it must have."""
        faults: list[Fault] = []
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            faults.append(
                ("name", f'"{name}"', 'lower-case letters, digits and "_", such as "by_size"', None)
            )
        elif name in self._results and not self._same_cell_again(name):
            faults.append(("name", f'"{name}", which is recorded already', "every name once", None))
        for field, text in texts.items():
            if not isinstance(text, str) or not text.strip():
                faults.append((field, "nothing", "text", f'add {field}="…"'))
        return faults

    def _same_cell_again(self, name: str) -> bool:
        """Return whether the cell that recorded this name is run once more, as people do in Jupyter Lab."""
        before, now = self._cells[name], current_cell()
        return before is not None and now is not None and before[0] == now[0] and before[1] != now[1]

    def _keys(self, rests_on: Iterable[str], faults: list[Fault]) -> list[str]:
        """Return catalogue keys, groups expanded, in the order of the catalogue."""
        catalogue = self.scenario.parameters.catalogue
        wanted: set[str] = set()
        for given in [rests_on] if isinstance(rests_on, str) else rests_on:
            group = given.removesuffix(".*")
            keys = [key for key in catalogue if key == given or key.startswith(f"{group}.")]
            if not keys:
                hint = nearest(given, tuple(catalogue))
                faults.append(("rests_on", f'"{given}"', "keys or groups of the catalogue", hint))
            wanted.update(keys)
        return [key for key in catalogue if key in wanted]

    def _refuse(self, kind: str, name: object, faults: Sequence[Fault]) -> None:
        if faults:
            raise RecordError(
                Problem(f"{self.notebook}, {kind} {name!r}, {field}", given, allowed, hint)
                for field, given, allowed, hint in faults
            )

    def _record(
        self,
        kind: str,
        name: str,
        content: Mapping[str, Any],
        keys: Sequence[str],
        shown: Mapping[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        catalogue = self.scenario.parameters.catalogue
        result = {
            "version": RESULT_VERSION,
            "kind": kind,
            "name": name,
            "notebook": self.notebook,
            **content,
            "rests_on": list(keys),
            "articles": sorted({number for key in keys for number in catalogue[key].article}),
        }
        self._results[name] = result
        self._cells[name] = current_cell()
        self._show({**shown, RESULT_MIME: result}, metadata or {})
