"""Jupyter as the runner wants it: loaded late and fast, and kernels of this very interpreter."""

from __future__ import annotations

import functools
import importlib
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import IO, Any, ClassVar

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from sme_analysis.scenario.paths import HOME_VARIABLE, project_root

# One thread a kernel: the workers already share the processor, and one thread adds up in one order.
SINGLE_THREAD = ("OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
# Jupyter goes on after `!command` failed, and the cell counts as completed.
_STRICT_SHELL = """
def _strict(shell, run):
    def system(command):
        run(command)
        code = shell.user_ns.get("_exit_code")
        if code:
            raise ChildProcessError(f"the shell command ended with exit code {code}: {command}")
    shell.system = system
_strict(get_ipython(), get_ipython().system)
del _strict
"""


@functools.cache
def papermill() -> ModuleType:
    """Return papermill, quiet.

    JupyterLab brings in a grammar of internationalised addresses, compiled for a second at import, that no
    notebook is validated by; jsonschema does without where it is absent.
    """
    absent = "rfc3987_syntax"
    stood_in = absent not in sys.modules
    if stood_in:
        sys.modules[absent] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module("papermill")
    finally:
        if stood_in:
            del sys.modules[absent]
    for name in ("papermill", "papermill.translators", "traitlets"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return module


def kernel_spec(scratch: Path) -> KernelSpec:
    """Return a kernel of the running interpreter, whatever is on the PATH or installed for the user.

    Parameters
    ----------
    scratch : Path
        A folder that IPython may write its profile to, instead of the user's home.

    Returns
    -------
    KernelSpec
        Its environment holds one thread for every numerical library.
    """
    environment = dict.fromkeys(SINGLE_THREAD, "1")
    environment[HOME_VARIABLE] = str(project_root())
    environment["IPYTHONDIR"] = str(scratch / "ipython")
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    options = [
        "--log-level=ERROR",
        "--HistoryManager.enabled=False",
        f"--IPKernelApp.exec_lines=[{_STRICT_SHELL!r}]",
    ]
    return KernelSpec(
        argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", *options],
        display_name="Python 3",
        language="python",
        env=environment,
    )


class OwnKernel(AsyncKernelManager):
    """A kernel that another thread can end, and whose last words are kept; made by `own_kernel`."""

    scratch: ClassVar[Path]
    label: ClassVar[str]
    made: ClassVar[Callable[[OwnKernel], None]]

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.connection_file = str(self.scratch / f"{self.label}.json")
        self._kernel_spec = kernel_spec(self.scratch)
        self._log_path = self.scratch / f"{self.label}.log"
        self._log_file: IO[bytes] | None = None
        type(self).made(self)

    @property
    def last_words(self) -> str:
        """The last line the kernel's process wrote about itself, or ""."""
        if not self._log_path.exists():
            return ""
        lines = self._log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    async def _async_start_kernel(self, **kwargs: Any) -> None:
        self._log_file = self._log_path.open("wb")
        await super()._async_start_kernel(**kwargs, stdout=self._log_file, stderr=self._log_file)

    start_kernel = _async_start_kernel

    def kill(self) -> None:
        """End the kernel and what it started, at once; may be called from any thread, at any time."""
        process = getattr(self.provisioner, "process", None)
        if process is None or process.poll() is not None:
            return
        try:
            if hasattr(os, "killpg"):  # a kernel leads a group of its own
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        except ProcessLookupError:
            pass

    def close(self) -> None:
        """End the kernel if it still runs, and let go of its log."""
        self.kill()
        if self._log_file is not None:
            self._log_file.close()


def own_kernel(scratch: Path, label: str, made: Callable[[OwnKernel], None]) -> type[OwnKernel]:
    """Return a class of kernel managers for nbclient, which makes them itself and ends only such.

    Parameters
    ----------
    scratch : Path
        A folder for the connection file, profile and log.
    label : str
        Name of these files.
    made : callable
        Told of every manager.

    Returns
    -------
    type
        Of the managers.
    """
    return type("OwnKernel", (OwnKernel,), {"scratch": scratch, "label": label, "made": staticmethod(made)})
