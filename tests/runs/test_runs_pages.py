"""What a page may hold, and what it says."""

from __future__ import annotations

import json
import re

import nbformat
import pytest
from tiny_notebooks import PNG, notebook_json

from sme_analysis.runs.body import body_of, inspect_html, phrase
from sme_analysis.runs.site import styles


def body(*sources: str) -> object:
    cells = [
        {"cell_type": "markdown", "id": f"m{number}", "metadata": {}, "source": source}
        for number, source in enumerate(sources)
    ]
    content = json.loads(notebook_json([]))
    content["cells"] = cells
    return body_of(nbformat.from_dict(content))


def test_headings_become_the_table_of_contents() -> None:
    found = body_of(nbformat.reads(notebook_json(["1 + 1"], title="The title"), as_version=4))
    assert found.title == "The title"
    assert [(heading.level, heading.text) for heading in found.headings] == [(2, "The answer"), (3, "Détail")]
    assert "<h1" not in found.html
    assert all(f'id="{heading.anchor}"' in found.html for heading in found.headings)
    assert found.html.count("<details") == 3
    assert "anchor-link" not in found.html


def test_links_to_other_hosts_become_text() -> None:
    found = body(
        "See [the standard](https://example.org/a?b=1&c=2) and [here](#x) and <https://example.org/z>."
    )
    assert 'href="http' not in found.html
    assert 'the standard <span class="address">(https://example.org/a?b=1&amp;c=2)</span>' in found.html
    assert 'href="#x"' in found.html
    assert found.html.count("example.org/z") == 1
    assert found.faults == ()


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (f"![](data:image/png;base64,{PNG})", "without alternative text"),
        ("![a map](map.png)", "not part of the notebook"),
        ('<img alt="x" src="//example.org/x.png">', "example.org"),
        ("<script>alert(1)</script>", "a script"),
        ('<p style="background: url(https://example.org/x)">x</p>', "example.org"),
        ('<link rel="stylesheet" href="https://example.org/x.css">', "example.org"),
        ("<style>@import url('https://example.org/x.css');</style>", "example.org"),
        ('<style>@import "https://example.org/x.css";</style>', "example.org"),
        ('<img alt="x" src="data:," srcset="data:, 1x, https://example.org/x 2x">', "example.org"),
        ('<svg><image xlink:href="https://example.org/x"></image></svg>', "example.org"),
        ('<table background="https://example.org/x"></table>', "example.org"),
        ('<iframe srcdoc="<p>x</p>"></iframe>', "<iframe>"),
        ('<base href="/elsewhere/">', "<base>"),
        ('<meta http-equiv="refresh" content="0; url=https://example.org">', "<meta>"),
        ('<p onclick="alert(1)">x</p>', "a script"),
        ('<a href=" javascript:alert(1)">x</a>', "a script"),
    ],
)
def test_what_a_page_may_not_hold(source: str, fault: str) -> None:
    assert any(fault in found for found in body(source).faults)


def test_mathematics_stays_text() -> None:
    assert "$p < q$" in body("A price $p < q$.").html.replace("&lt;", "<")


def test_sentences_are_escaped() -> None:
    assert phrase("**a** *b* `c` <script> & 5 < 6") == (
        "<strong>a</strong> <em>b</em> <code>c</code> &lt;script&gt; &amp; 5 &lt; 6"
    )


def test_the_style_sheet_loads_nothing_and_knows_dark_screens_and_paper() -> None:
    css = styles()
    assert not re.search(r"url\(|@import", css)
    assert "prefers-color-scheme: dark" in css
    assert "@media print" in css
    assert inspect_html(f"<style>{css}</style>").faults == []
