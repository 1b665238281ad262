from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import sys, tempfile
from docsearch.store.lance import load_lancedb
lancedb = load_lancedb()
assert load_lancedb() is lancedb
with tempfile.TemporaryDirectory() as folder:
    table = lancedb.connect(folder).create_table("t", [{"a": 1}])
    assert table.count_rows() == 1
client = sys.modules["lance_namespace"]
print(type(client).__module__, [finder for finder in sys.meta_path if "NoClient" in repr(finder)])
"""


def test_lancedb_works_without_its_network_client(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["docsearch.store.lance", "[]"]


NOTHING_WRITTEN = """
import sys, tempfile
from pathlib import Path
from docsearch.store.pages import PageTable, TermQuery
with tempfile.TemporaryDirectory() as folder:
    table = PageTable(Path(folder))
    assert table.match(TermQuery(("ship",)), 5) == [] and table.documents() == set()
    (table.folder / "pages.lance").mkdir()
    assert table.match(TermQuery(()), 5) == []
print("lancedb" in sys.modules)
"""


def test_what_asks_for_nothing_does_not_load_lancedb(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", NOTHING_WRITTEN]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["False"], done.stderr
