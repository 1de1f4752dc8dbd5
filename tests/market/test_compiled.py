"""The cache of the compiled kernel."""

import sme_analysis.market.compiled as module
from sme_analysis.market.compiled import cache_folder


def test_the_cache_is_named_by_the_sources(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    here = tmp_path / "market"
    here.mkdir()
    monkeypatch.setattr(module, "__file__", str(here / "compiled.py"))
    (here / "closed_form.py").write_text("x = 1\n")
    first = cache_folder()
    (here / "closed_form.py").write_text("x = 2\n")
    assert cache_folder() != first
    assert first.parent == tmp_path / "cache" / "sme-analysis"


def test_without_a_writable_folder_there_is_no_cache(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(blocked))
    assert cache_folder() is None
