"""Made users, and what is reported of what was learned from them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import clicks
from benchmarks.users import User, visit
from tests import documents

SUBJECTS = "harbour orchard violin glacier lantern compass meadow furnace bridge saddle pepper marble".split()


def visits(user: User, relevant: list[bool], count: int = 2000) -> list[tuple[int, ...]]:
    chance = np.random.default_rng(1)
    return [visit(user, relevant, chance).opened for _ in range(count)]


def test_users_open_what_is_relevant_and_less_often_further_down() -> None:
    shares = []
    for place in (0, 5, 20):
        relevant = [False] * 30
        relevant[place] = True
        opened = visits(User(), relevant)
        assert {p for places in opened for p in places} == {place}
        shares.append(np.mean([bool(places) for places in opened]))
    assert shares[0] == pytest.approx(0.95, abs=0.03)
    assert shares[1] == pytest.approx(0.95 * 0.95**5, abs=0.04)
    assert shares[2] == pytest.approx(0.95 * 0.95**20, abs=0.04)


def test_users_mostly_stop_at_what_they_looked_for() -> None:
    opened = visits(User(), [True, True])
    assert np.mean([places == (0, 1) for places in opened]) < 0.15
    assert (
        visit(User(goes_on=1.0, satisfied=1.0), [False, True, True], np.random.default_rng(0)).looked_at == 2
    )


def test_careless_users_open_anything() -> None:
    opened = visits(User(careless=1.0), [True] + [False] * 29)
    counts = np.bincount([place for (place,) in opened], minlength=30)
    assert counts.min() > 20
    nearly = visits(User(careless=0.3), [True] + [False] * 29)
    assert np.mean([places not in ((0,), ()) for places in nearly]) == pytest.approx(0.29, abs=0.04)


def test_figures_are_means_over_users() -> None:
    trials = [
        clicks.Trial(0.0, 0, 300, 150, True, (0.80, 0.82), (0.80, 0.95), 4.0),
        clicks.Trial(0.0, 1, 300, 150, True, (0.70, 0.73), (0.80, 0.85), 6.0),
        clicks.Trial(0.1, 0, 300, 150, False, (0.80, 0.79), (0.80, 0.90), 5.0),
    ]
    found = clicks.figures(trials)
    assert found["unseen_before"] == pytest.approx(0.75)
    assert found["unseen_times"] == pytest.approx(0.775 / 0.75)
    assert found["repeat_error_cut"] == pytest.approx(0.5)
    assert found["noise10_worst_change"] == pytest.approx(-0.01)
    assert len(clicks.table(trials)) == 4


def test_a_run_over_a_small_collection(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "docs").mkdir()
    queries = []
    for number, subject in enumerate(SUBJECTS):
        name = f"{number}.pdf"
        texts = [f"The {subject} is mentioned here", f"All about the {subject} of {SUBJECTS[number - 1]}"]
        documents.text_pdf(tmp_path / "docs" / name, texts)
        relevant = [{"doc": name, "page": 2}]
        queries.append({"id": str(number), "query": f"{subject} mentioned", "relevant": relevant})
    (tmp_path / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries))
    options = ["--docs", str(tmp_path), "--home", str(tmp_path / "home"), "--json"]
    clicks.main([*options, "--clicks", "20", "--seeds", "1", "--random", "1"])

    found = json.loads(capsys.readouterr().out)
    assert found["users"] == 1
    assert found["random_refused_of_1"] == 1
    assert found["repeat_after"] >= found["repeat_before"]
    assert found["peak_rss_mb"] > 0
