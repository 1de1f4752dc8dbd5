"""The running notebook, as far as results need it: where to show them, and which cell is at work."""

from __future__ import annotations

from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display


def publish(data: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Show an output in the running notebook; do nothing where there is none.

    Parameters
    ----------
    data : dict
        Content by mime type.
    metadata : dict
        Metadata by mime type.
    """
    if get_ipython() is not None:
        display(data, raw=True, metadata=metadata)  # type: ignore[no-untyped-call]


def current_cell() -> tuple[str, int] | None:
    """Return the running cell's id and its execution count, or None where the front end gives no id."""
    shell = get_ipython()
    if shell is None or not hasattr(shell, "get_parent"):
        return None
    cell = ((shell.get_parent() or {}).get("metadata") or {}).get("cellId")
    return (str(cell), int(shell.execution_count)) if cell else None
