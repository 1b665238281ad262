"""The click log on the command line: what is kept can be taken along, corrected and forgotten."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture
def searched(run: Run, folder: Path) -> Run:
    """After a search whose first hit was looked at."""
    run("index", folder)
    run("search", "llamas")
    run("show", "1")
    return run


def test_a_search_and_what_was_opened_are_listed(searched: Run, folder: Path) -> None:
    listed = searched("clicks")
    assert "llamas" in listed.out
    assert f"1. {folder}/lease.pdf page 2: opened" in listed.out
    assert "1 searches kept, 1 pages chosen" in listed.err

    [search] = searched("clicks", "--json").json
    assert (search["query"], search["front"], search["shown"][0]["opened"]) == ("llamas", "cli", 1)
    assert search["shown"][0]["seen"]


def test_a_page_that_was_named_by_its_path_is_no_click(searched: Run, folder: Path) -> None:
    searched("show", f"{folder}/lease.pdf#2")
    [search] = searched("clicks", "--json").json
    assert search["shown"][0]["opened"] == 1


def test_hits_are_called_right_and_wrong(searched: Run) -> None:
    assert searched("clicks", "wrong", "1").err == "hit 1 is wrong\n"
    assert "page 2: opened, wrong" in searched("clicks").out
    assert searched("clicks", "right", "1").code == 0
    assert "page 2: opened, right" in searched("clicks").out

    refused = searched("clicks", "right", "5")
    assert (refused.code, "has no hit 5" in refused.err) == (2, True)


def test_the_log_goes_out_and_comes_back(searched: Run, tmp_path: Path) -> None:
    file = tmp_path / "clicks.jsonl"
    assert searched("clicks", "export", file).code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = searched("clicks", "--json").json
    assert "--force" in searched("clicks", "export", file).err

    assert searched("clicks", "forget", "--all").err == "1 searches forgotten\n"
    assert searched("clicks", "--json").json == []
    assert searched("clicks", "import", file).err == "1 searches added, 0 were here already\n"
    assert searched("clicks", "import", file).err == "0 searches added, 1 were here already\n"
    assert searched("clicks", "--json").json == before


def test_a_damaged_export_is_refused_by_line(searched: Run, tmp_path: Path) -> None:
    file = tmp_path / "clicks.jsonl"
    searched("clicks", "export", file)
    file.write_text(file.read_text() + '{"id": "zz"}\n')
    searched("clicks", "forget", "--all")

    refused = searched("clicks", "import", file)
    assert (refused.code, f"{file}" in refused.err, "2" in refused.err) == (2, True, True)
    assert searched("clicks", "--json").json == []


def test_search_is_measured_on_the_users_own_clicks(searched: Run, tmp_path: Path) -> None:
    qrels, topics = tmp_path / "clicks.qrels", tmp_path / "clicks.tsv"
    searched("search", "rent")
    searched("clicks", "wrong", "1")
    assert searched("clicks", "export", "--qrels", qrels, "--topics", topics).code == 0
    assert qrels.read_text() == "1 0 lease.pdf#2 2\n2 0 lease.pdf#1 0\n"
    assert topics.read_text() == "1\tllamas\n2\trent\n"

    measured = searched("eval", topics, "--qrels", qrels, "--json").json
    assert json.dumps(measured).count("ndcg@10")


def test_some_searches_are_forgotten(searched: Run) -> None:
    searched("search", "rent")
    [rent, llamas] = searched("clicks", "--json").json
    assert searched("clicks", "forget").code == 2
    assert "no logged searches" in searched("clicks", "forget", "zz").err
    assert searched("clicks", "forget", rent["id"][:10]).code == 0
    assert [left["id"] for left in searched("clicks", "--json").json] == [llamas["id"]]
    assert searched("clicks", "forget", "--days", "30").err == "0 searches forgotten\n"


def test_nothing_is_kept_when_that_is_switched_off(searched: Run, home: Path) -> None:
    settings = home / "settings.toml"
    settings.write_text(settings.read_text() + "[learn]\nlog = false\n")
    searched("search", "rent")
    searched("show", "1")

    assert "1 searches kept, 1 pages chosen in them; nothing more is kept" in searched("clicks").err
    assert len(searched("clicks", "--json").json) == 1


def test_a_rebuild_and_an_import_keep_the_log(searched: Run, tmp_path: Path) -> None:
    before = searched("clicks", "--json").json
    searched("rebuild")
    assert searched("clicks", "--json").json == before

    archive = tmp_path / "index.tar.gz"
    searched("export", archive)
    searched("search", "rent")
    searched("import", "--replace", archive)
    assert [search["query"] for search in searched("clicks", "--json").json] == ["rent", "llamas"]
