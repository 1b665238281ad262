"""What all tests share: no hypothesis deadlines, a home folder of one's own, a few sample documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from docsearch.store.index import Index

settings.register_profile(
    "docsearch",
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("docsearch")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for index and settings that nothing else uses, also set as $DOCSEARCH_HOME."""
    folder = tmp_path / "home"
    monkeypatch.setenv("DOCSEARCH_HOME", str(folder))
    return folder


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """An empty index."""
    opened = Index(tmp_path / "index")
    yield opened
    opened.close()
