"""Training jobs small enough for a test: a few pages, and queries in words that they do not hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from docsearch.learn.finetune.data import ndcg
from docsearch.learn.job import HeldOutQuery, Job, JudgedPage, TrainingExample, TrainingPage, write_job
from docsearch.models.protocols import Embedder, ModelInput
from docsearch.models.registry import ModelRow

TOPICS = {
    "rent": "lease of the flat in the old town, paid monthly to the landlord",
    "salary": "payslip for march, gross wages, social security and tax withheld",
    "doctor": "blood pressure, cholesterol and a prescription from the clinic",
    "holiday": "two nights in a hotel by the sea, breakfast included",
    "car": "vehicle inspection, brakes and tyres replaced in the garage",
    "school": "report card, mathematics and history, third grade",
    "power": "kilowatt hours, meter reading and electricity tariff",
    "pension": "retirement fund statement, contributions and expected annuity",
}


def pages(folder: Path | None = None) -> list[TrainingPage]:
    """A page a topic; with a folder, pictures of them in it."""
    made = []
    for number, text in enumerate(TOPICS.values()):
        path = Path("/nowhere") / f"{number}.pdf"
        if folder is not None:
            path = folder / f"{number}.png"
            picture(number).save(path)
        made.append(TrainingPage(path, 1, text))
    return made


def picture(number: int) -> Image.Image:
    """One that is unlike the others."""
    image = Image.new("RGB", (64, 96), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((4, 4 + 10 * number, 60, 14 + 10 * number), fill=(30 * number, 255 - 30 * number, 90))
    return image


def examples(of: Sequence[TrainingPage]) -> list[TrainingExample]:
    """Two queries a page; the page after it was seen and passed over."""
    return [
        TrainingExample(f"{words} {topic}", page, (of[(number + 1) % len(of)],))
        for number, (topic, page) in enumerate(zip(TOPICS, of, strict=True))
        for words in ("where is my", "papers about")
    ]


def held_out(of: Sequence[TrainingPage]) -> list[HeldOutQuery]:
    """One query a page, over all pages."""
    return [
        HeldOutQuery(topic, tuple(JudgedPage(p.path, p.page, p.text, float(p is page)) for p in of))
        for topic, page in zip(TOPICS, of, strict=True)
    ]


def make_job(folder: Path, row: ModelRow, documents: Path | None = None, **changes: Any) -> Job:
    """Writes a job over all topics."""
    job = Job(row.role, row, dimensions=row.matryoshka, batch_size=8, mini_batch_size=4, negatives=2)
    job = dataclasses.replace(job, device="cpu", clicks=len(TOPICS) * 2, **changes)
    of = pages(documents)
    write_job(folder, job, examples(of), held_out(of))
    return job


def quality(embedder: Embedder, queries: Sequence[HeldOutQuery], of: Sequence[ModelInput]) -> float:
    """Mean nDCG@10 with the vectors that an embedder gives queries and pages."""
    vectors = embedder.embed_pages(of) @ embedder.embed_queries([ModelInput(q.query) for q in queries]).T
    relevance = [[page.relevance for page in query.candidates] for query in queries]
    return float(np.mean([ndcg(column, grades) for column, grades in zip(vectors.T, relevance, strict=True)]))
