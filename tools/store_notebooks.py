"""Keep the notebooks in git with the outputs of one clean run on their defaults.

``python tools/store_notebooks.py`` runs each notebook in a fresh kernel and writes it back without anything
that would differ on the next run; ``--check`` runs nothing and says which notebooks are not in that form.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"}
KEPT_OF_A_CELL = ("jupyter", "tags")
MOST_CODE_LINES = 160
# The day that the notebooks are stored as of: a banner on parameters past their review is among their outputs.
# `conftest.py` compares them on the same day, so that no test fails because time went by.
STORED_ON = "2026-11-23"


def main(arguments: Sequence[str] | None = None) -> int:
    """Store or check the notebooks named, or all of them.

    Parameters
    ----------
    arguments : sequence of str, optional
        Command line without the program's name.

    Returns
    -------
    int
        0 if every notebook ran (or is in form), 1 otherwise.
    """
    parser = argparse.ArgumentParser(description="Run the notebooks on their defaults and keep the outputs.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: every notebook in notebooks/")
    parser.add_argument("--check", action="store_true", help="run nothing; say what is not in stored form")
    parser.add_argument("--workers", type=int, default=2, help="notebooks side by side (default: 2)")
    asked = parser.parse_args(arguments)
    paths = asked.notebooks or sorted(FOLDER.glob("*.ipynb"))
    if asked.check:
        found = [f"{path.name}: {problem}" for path in paths for problem in problems(path)]
        print("\n".join(found) or f"{len(paths)} notebooks, each as one clean run left it.")
        return int(bool(found))
    with ThreadPoolExecutor(max_workers=asked.workers) as pool:
        return int(not all(list(pool.map(_report_on, paths))))


def store(path: Path) -> None:
    """Run a notebook on its defaults in a fresh kernel and write it back in stored form.

    The file is replaced only after the last cell has run.

    Parameters
    ----------
    path : Path
        The notebook; it runs in its own folder.

    Raises
    ------
    CellExecutionError, CellTimeoutError, DeadKernelError
        If a cell fails, takes longer than ten minutes, or takes its kernel down.
    """
    notebook = nbformat.read(path, as_version=4)
    os.environ["SME_ANALYSIS_TODAY"] = STORED_ON
    NotebookClient(
        notebook,
        kernel_name=KERNEL["name"],
        timeout=600,
        record_timing=False,
        coalesce_streams=True,
        shutdown_kernel="immediate",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(stored_form(notebook), encoding="utf-8", newline="\n")
    beside.replace(path)


def stored_form(notebook: nbformat.NotebookNode) -> str:
    """Return the text of a notebook without anything that differs between two equal runs.

    Parameters
    ----------
    notebook : NotebookNode
        An executed notebook; it is changed in place.

    Returns
    -------
    str
        JSON with sorted keys, a cell's id made from its source, and only lasting metadata.
    """
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] += 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        kept = {key: value for key, value in cell.metadata.items() if key in KEPT_OF_A_CELL}
        cell.metadata = nbformat.from_dict(kept)
    return str(nbformat.writes(notebook)) + "\n"


def problems(path: Path) -> Iterator[str]:
    """Say what keeps a stored notebook from being one clean run that a reviewer can read.

    Parameters
    ----------
    path : Path
        The stored notebook.

    Yields
    ------
    str
        One sentence a problem; nothing for a notebook in form.
    """
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.outputs]
    tagged = sum("parameters" in cell.metadata.get("tags", []) for cell in code)
    if tagged != 1:
        yield f"{tagged} cells are tagged `parameters`; one is needed"
    counts = [cell.execution_count for cell in code]
    if counts != list(range(1, len(code) + 1)):
        yield f"the cells were run as {counts}, not 1 to {len(code)} in order"
    if any(output.output_type == "error" for output in outputs):
        yield "a stored output is an error"
    if any(output.get("name") == "stderr" for output in outputs):
        yield "a stored output is a warning (stderr)"
    if not any("data" in output for output in outputs):
        yield "no table, figure or sentence is stored"
    if any(not cell.source.strip() for cell in code):
        yield "a code cell is empty"
    lines = sum(len(cell.source.splitlines()) for cell in code)
    if lines > MOST_CODE_LINES:
        yield f"{lines} lines of code, {MOST_CODE_LINES} at most: logic belongs in the package"
    if stored_form(notebook) != text:
        yield "volatile metadata or other cell ids than stored form has; run `make notebooks`"


def _report_on(path: Path) -> bool:
    """Store one notebook, say how it went, and return whether it ran."""
    start = time.perf_counter()
    try:
        store(path)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        print(f"{path.name}: not stored\n{error}", file=sys.stderr)
        return False
    print(f"{path.name}: stored in {time.perf_counter() - start:.1f} s")
    return True


if __name__ == "__main__":
    sys.exit(main())
