"""verify, repair, rebuild, export and import as a person or a script calls them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from docsearch.store.lock import writer_lock
from tests import documents
from tests.cli.conftest import Run


def test_verify_tells_what_to_do(run: Run, folder: Path) -> None:
    run("index", folder)
    whole = run("verify")
    assert (whole.code, whole.out) == (0, "checked 1 documents, 2 pages\n")
    assert whole.err == "The index is whole and fits the files.\n"

    for number in range(7):
        documents.text_file(folder / f"\x1b[31m{number}.txt", "new")
    (folder / "lease.pdf").unlink()
    found = run("verify")
    assert found.code == 1
    assert "     7  files not indexed yet  (docsearch index brings them up to date)" in found.out
    assert "… and 2 more  (--all)" in found.out
    assert "\x1b" not in found.out
    assert found.err == "To put this right: docsearch index\n"
    assert "… and" not in run("verify", "--all").out
    as_json = run("verify", "--json")
    assert as_json.code == 1
    kinds = [finding["kind"] for finding in as_json.json["findings"]]
    assert (kinds.count("new"), kinds.count("gone")) == (7, 1)


def test_repair_tells_what_it_did(run: Run, folder: Path, home: Path) -> None:
    run("index", folder)
    assert run("repair").err.endswith("The index is whole.\n")
    for path in home.glob("index/tables/pages.lance/data/*"):
        path.write_bytes(b"noise")
    broken = run("search", "llamas")
    assert (broken.code, "docsearch repair" in broken.err) == (3, True)
    mended = run("repair")
    assert mended.code == 0
    assert "the page table cannot be read: set aside in" in mended.err
    assert "documents to be read again" in mended.err
    assert "Pets are [llamas] only" in run("search", "llamas").out

    aside = run("status", "--json").json["bytes_aside"]
    assert aside > 0
    assert "MB of what was broken  (docsearch repair --drop-aside)" in run("status").out
    with writer_lock(home / "index"):
        assert run("repair", "--drop-aside").code == 4
    assert run("repair", "--drop-aside", "--json").json == {"event": "done", "bytes": aside}
    assert list(home.glob("index/aside-*")) == []
    assert "set aside" not in run("status").out

    for path in home.glob("index/tables/pages.lance/data/*"):
        path.unlink()
    events = [json.loads(line) for line in run("repair", "--json").out.splitlines()]
    assert {"mended", "progress", "done"} <= {event["event"] for event in events}
    assert events[-1]["left"] == []


def test_a_catalog_of_noise_is_mended(run: Run, folder: Path, home: Path) -> None:
    run("index", folder)
    for path in home.glob("index/catalog.sqlite*"):
        path.write_bytes(b"noise" * 10_000)
    broken = run("status")
    assert (broken.code, "docsearch repair" in broken.err) == (3, True)
    assert run("repair").code == 0
    assert run("index", folder).code == 0
    assert "Pets are [llamas] only" in run("search", "llamas").out
    assert run("verify").code == 0


def test_rebuild(run: Run, folder: Path, home: Path) -> None:
    assert run("rebuild").code == 2
    run("index", folder)
    done = run("rebuild")
    assert done.code == 0
    assert "The index was made anew: 1 documents, 2 pages searchable." in done.err
    assert "Pets are [llamas] only" in run("search", "llamas").out
    assert run("rebuild", "--json", "--ocr-again").out.splitlines()[-1].startswith('{"event": "done"')
    folder.rename(folder.with_name("away"))
    assert "--drop-missing" in run("rebuild").err
    with writer_lock(home / "index"):
        assert run("rebuild", "--drop-missing").code == 4


def test_there_and_back(run: Run, folder: Path, tmp_path: Path) -> None:
    run("index", folder)
    archive = tmp_path / "index.tar.gz"
    assert "1 documents, 2 pages" in run("export", archive).err
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert "is there already" in run("export", archive).err
    assert run("export", archive, "--force", "--json").json["pages"] == 2
    assert "--replace" in run("import", archive).err

    folder.rename(tmp_path / "moved")
    moved = run("import", archive, "--replace", "--map", f"{folder}={tmp_path / 'moved'}")
    assert (moved.code, "1 documents, 2 pages searchable" in moved.err) == (0, True)
    assert run("roots", "--json").json[0]["path"] == str(tmp_path / "moved")
    assert run("verify", "--content").code == 0
    away = run("import", archive, "--replace")
    assert "is not on this machine; its documents are kept" in away.err
    assert run("import", archive, "--replace", "--map", "nonsense").code == 2
    assert run("import", tmp_path / "nowhere.tar.gz", "--replace").code == 2


def test_what_another_version_made_is_told(run: Run, folder: Path, home: Path) -> None:
    import sqlite3

    run("index", folder)
    with sqlite3.connect(home / "index" / "catalog.sqlite") as db:
        db.execute("UPDATE facts SET value = 'another' WHERE name = 'made by'")
    assert "docsearch rebuild" in run("status").out
    assert run("status", "--json").json["outdated"] is True
    assert "docsearch rebuild" in run("index").err
    assert run("verify").err == "To put this right: docsearch rebuild\n"
    run("rebuild")
    assert run("status", "--json").json["outdated"] is False
    assert run("verify").code == 0
