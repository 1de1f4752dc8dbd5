"""Notebooks that record a few results with nothing but Jupyter."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

PARAMETERS = 'scenario: str = "haixi-2020"  # name or file\nchanges: dict = {}  # keys to change\n'
# One pixel.
PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
    )
).decode()
HELPER = f"""
from IPython.display import display
MIME = "application/vnd.sme-analysis.result+json"
def record(kind, name, shown=None, metadata=None, **content):
    bundle = {{"kind": kind, "name": name, "notebook": "x", **content}}
    display({{MIME: bundle, **(shown or {{"text/plain": name}})}}, metadata=metadata or {{}}, raw=True)
PNG = "{PNG}"
"""
NUMBER = (
    'share = changes.get("risk_compensation.loss_share", "50%")\n'
    'record("number", "lending", label="Additional <lending>", value=1.5 if share == "50%" else 2.5, '
    'unit="money", text="CNY 1.5 m" if share == "50%" else "CNY 2.5 m", '
    'rests_on=["risk_compensation.loss_share"])\n'
)
TABLE = (
    'record("table", "by_size", {"text/html": "<table><caption>By size</caption><tr><th>Size</th></tr>'
    '<tr><td>微型</td></tr></table>"}, label="By size", caption="By size", source="model run", '
    'columns=[{"name": "size_class", "label": "Size", "unit": "text"}, '
    '{"name": "lending", "label": "Lending", "unit": "money"}], rows=[["微型", 1.25], ["small", None]])\n'
)
FIGURE = (
    'record("figure", "cover", {"image/png": PNG}, {"image/png": {"alt": "Lending rises with cover"}}, '
    'caption="Cover", source="model run", columns=["cover", "lending"], rows=[[0.0, 1.0], [0.9, 2.0]])\n'
)
SENTENCE = 'record("sentence", "answer", {"text/markdown": "It **helps**."}, text="It **helps**.")\n'


def notebook_json(sources: Sequence[str], *, title: str = "A notebook", tagged: bool = True) -> str:
    """Return a notebook with a title, a parameters cell, the recording helper and some code cells."""
    text = {"cell_type": "markdown", "id": "t", "metadata": {}}
    cells: list[dict[str, Any]] = [{**text, "source": f"# {title}\n\n## The answer\n\n### Détail"}]
    for number, source in enumerate([PARAMETERS, HELPER, *sources]):
        tags = {"tags": ["parameters"]} if tagged and number == 0 else {}
        code = {"cell_type": "code", "id": f"c{number}", "metadata": tags, "execution_count": None}
        cells.append({**code, "outputs": [], "source": source})
    kernel = {"name": "some-kernel-of-another-machine", "display_name": "Other", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
