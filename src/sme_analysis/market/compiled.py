"""Compiling the kernel once a machine: a cache that is never stale.

Numba's own cache looks only at the file of the cached function, not at the functions it calls in other files: an edit of
`closed_form` would go unnoticed. Here the cache's folder is named by a hash of all sources of the market floor.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba import njit


def cache_folder() -> Path | None:
    """A writable folder for the compiled kernel, or None (it is then compiled in every process, about 15 seconds)."""
    sources = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        sources.update(path.read_bytes())
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        root = Path(given)
    elif sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA", tempfile.gettempdir()))
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / "sme-analysis" / sources.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


def compiled(function: Callable[..., None]) -> Any:
    """`function` compiled by numba without the interpreter lock, cached by the sources of this floor."""
    folder = cache_folder()
    settings: Any = numba.config
    before = settings.CACHE_DIR
    try:
        settings.CACHE_DIR = str(folder or "")
        return njit(error_model="numpy", nogil=True, cache=folder is not None)(function)
    finally:
        settings.CACHE_DIR = before
