"""The body of a page: a notebook as HTML with its code folded, checked for what a page may hold."""

from __future__ import annotations

import functools
import importlib
import re
from dataclasses import dataclass, field
from html import escape, unescape
from html.parser import HTMLParser
from typing import Any

from sme_analysis.errors import UserError
from sme_analysis.runs.outcome import ERROR_TAG
from sme_analysis.runs.plan import PARAMETERS_TAG

NO_ALT = "No description has been provided for this image"
_ANCHOR_LINK = re.compile(r'<a class="anchor-link"[^>]*>.*?</a>', re.S)
_LINK = re.compile(r'<a\b[^>]*?\bhref="((?:https?:)?//[^"]*)"[^>]*>(.*?)</a>', re.S | re.I)
_NOTEBOOK = re.compile(r'href="([\w-]+)\.ipynb(#[^"]*)?"')  # a notebook beside this one: its page
_ADDRESS = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//", re.I)
_STYLE_ADDRESS = re.compile(r"""(?:url\(\s*['"]?|@import\s*['"])([^'")]+)""", re.I)
_LOADING = ("src", "poster", "action", "formaction", "background", "xlink:href")
# Elements that bring in a document of their own, or lead elsewhere without being asked.
_EMBEDDING = frozenset({"base", "embed", "frame", "iframe", "object"})
# Code is folded; what is written to stderr is for those who look for it.
_TEMPLATE = """
{%- extends 'basic/index.html.j2' -%}
{% block input_group %}{% if cell.source.strip() -%}
<details class="code"{% if cell.metadata.get("papermill", {}).get("status") == "failed" %} open{% endif %}>
<summary>{{ "Parameters" if cell.metadata.page_role == "parameters" else "Code" }}
<span class="count">{{ cell.metadata.page_number }}</span></summary>
{{ super() }}
</details>
{%- endif %}{% endblock %}
{% block stream_stderr -%}
<details class="messages"><summary>Messages</summary>{{ super() }}</details>
{%- endblock %}
"""


class PageError(UserError):
    """A notebook that cannot be shown to reviewers as it is."""


@dataclass(frozen=True)
class Heading:
    """A heading of level 2 or 3 and where to find it."""

    level: int
    anchor: str
    text: str


@dataclass(frozen=True)
class Body:
    """A notebook as HTML, its own title taken out, and its headings."""

    html: str
    title: str
    headings: tuple[Heading, ...]
    faults: tuple[str, ...]


def body_of(content: Any) -> Body:
    """Return a notebook's body.

    Parameters
    ----------
    content : NotebookNode
        An executed notebook, good or failed.

    Returns
    -------
    Body
        `faults` says what keeps it from being published: a picture without alternative text, or a file that
        would be loaded from elsewhere. Links to other hosts become their addresses as text, links to notebooks lead to
        their pages.
    """
    html, _ = _exporter().from_notebook_node(_prepared(content))
    html = _LINK.sub(_as_text, _ANCHOR_LINK.sub("", html))
    html = _NOTEBOOK.sub(lambda link: f'href="{link[1]}.html{link[2] or ""}"', html)
    found = inspect_html(html)
    title = found.titles[0] if found.titles else ""
    html = re.sub(r"<h1\b[^>]*>.*?</h1>", "", html, count=1, flags=re.S)
    # A page has one heading of the first level, which is its own.
    html = re.sub(r"<(/?)h1\b", r"<\1h2", html)
    return Body(html, title, tuple(found.headings), tuple(found.faults))


@dataclass
class Inspection(HTMLParser):
    """What a piece of HTML holds, as far as a page is checked for it."""

    titles: list[str] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._heading: tuple[int, str] | None = None
        self._text: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Check a tag and remember a heading."""
        values = {name: value or "" for name, value in attrs}
        self.anchors += [values["id"]] if "id" in values else []
        if tag in {"h1", "h2", "h3"}:
            self._heading, self._text = (int(tag[1]), values.get("id", "")), []
        self._in_style = tag == "style"
        if tag == "img":
            self._check_picture(values)
        links = (values.get(name, "").strip().lower() for name in ("href", "xlink:href"))
        scripted = any(name.startswith("on") for name in values) or any(
            link.startswith(("javascript:", "vbscript:")) for link in links
        )
        if tag == "script" or scripted:
            self.faults.append("a script")
        if tag in _EMBEDDING or "http-equiv" in values:
            self.faults.append(f"a reference by <{tag}>")
        loaded = [values[name] for name in _LOADING if name in values]
        loaded += re.split(r",\s", values.get("srcset", ""))
        loaded += [values["href"]] if "href" in values and tag in {"link", "image", "use", "a"} else []
        loaded += _STYLE_ADDRESS.findall(values.get("style", ""))
        self.faults += [f"a reference to {address}" for address in loaded if _ADDRESS.match(address)]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Check a tag that closes itself."""
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Close a heading."""
        self._in_style = self._in_style and tag != "style"
        if self._heading is not None and tag == f"h{self._heading[0]}":
            level, anchor = self._heading
            text = " ".join("".join(self._text).split())
            if level == 1:
                self.titles.append(text)
            elif anchor and text:
                self.headings.append(Heading(level, anchor, text))
            self._heading = None

    def handle_data(self, data: str) -> None:
        """Collect the text of a heading; check a style sheet."""
        if self._heading is not None:
            self._text.append(data)
        if self._in_style:
            addresses = _STYLE_ADDRESS.findall(data)
            self.faults += [f"a reference to {address}" for address in addresses if _ADDRESS.match(address)]

    def _check_picture(self, values: dict[str, str]) -> None:
        alt = values.get("alt", "").strip()
        if not alt or alt == NO_ALT:
            self.faults.append("a picture without alternative text")
        if not values.get("src", "").startswith("data:"):
            self.faults.append(f"a picture that is not part of the notebook: {values.get('src', '')[:80]}")


def inspect_html(html: str) -> Inspection:
    """Return what a piece of HTML holds and what is wrong with it.

    Parameters
    ----------
    html : str
        A page or a part of one.

    Returns
    -------
    Inspection
        Headings in order and faults.
    """
    found = Inspection()
    found.feed(html)
    found.close()
    return found


def phrase(markdown: str) -> str:
    """Return a sentence as HTML.

    Parameters
    ----------
    markdown : str
        With at most bold, italic and code in it; anything else is shown as it is written.

    Returns
    -------
    str
        Escaped.
    """
    html = escape(unescape(markdown))
    for pattern, tag in ((r"\*\*(.+?)\*\*", "strong"), (r"\*(.+?)\*", "em"), (r"`(.+?)`", "code")):
        html = re.sub(pattern, rf"<{tag}>\1</{tag}>", html, flags=re.S)
    return re.sub(r"\n\s*\n", "<br>", html)


@functools.cache
def code_styles() -> str:
    """Return the colours of code, for light screens and for dark ones."""
    formatter = importlib.import_module("pygments.formatters").HtmlFormatter
    light = formatter(style="xcode").get_style_defs(".highlight")
    dark = formatter(style="github-dark").get_style_defs(".highlight")
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}"


@functools.cache
def _exporter() -> Any:
    exporter = importlib.import_module("nbconvert").HTMLExporter(
        raw_template=_TEMPLATE, template_name="basic"
    )
    exporter.exclude_input_prompt = True
    exporter.exclude_output_prompt = True
    return exporter


def _prepared(content: Any) -> Any:
    """Return a copy whose cells say what they are, without what papermill wrote into a failed notebook."""
    import nbformat

    prepared = nbformat.from_dict(content)
    prepared.cells = [cell for cell in prepared.cells if ERROR_TAG not in cell.metadata.get("tags", [])]
    number = 0
    for cell in prepared.cells:
        tags = set(cell.metadata.get("tags", []))
        number += cell.cell_type == "code"
        cell.metadata["page_number"] = number
        is_parameters = bool(tags & {PARAMETERS_TAG, "injected-parameters"})
        cell.metadata["page_role"] = "parameters" if is_parameters else "code"
    prepared.metadata.pop("widgets", None)
    return prepared


def _as_text(link: re.Match[str]) -> str:
    address, text = unescape(link[1]), link[2]
    if address.rstrip("/") in unescape(re.sub(r"<[^>]*>", "", text)):
        return text
    return f'{text} <span class="address">({escape(address)})</span>'
