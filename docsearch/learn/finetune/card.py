"""The card of a finetuned model: what it was made from and how, in figures. Never a text, a query or a name.

Knows no model and no torch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from docsearch.learn.job import Job, Method, Sides
from docsearch.learn.process import Step
from docsearch.models.registry import Role, Runtime


def model_card(job: Job, steps: Sequence[Step], examples: int, pages: int, held_out: int) -> str:
    """A README.md with the header that model hubs read."""
    return "\n\n".join(
        [_header(job), _title(job), _data(job, examples, pages, held_out), _training(job, steps), _use(job)]
    )


def _header(job: Job) -> str:
    kind = "sentence-similarity" if job.role is Role.EMBEDDER else "text-ranking"
    values = {
        "base_model": _base(job),
        "license": job.base.licence.lower() or "other",
        "library_name": "sentence-transformers",
        "pipeline_tag": kind,
    }
    lines = [f"{key}: {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(["---", *lines, 'tags: ["docsearch", "sentence-transformers"]', "---"])


def _title(job: Job) -> str:
    what = "An embedder" if job.role is Role.EMBEDDER else "A reranker"
    text = f"# {job.base.name}, finetuned\n\n{what}, finetuned by docsearch on one person's own searches"
    text += f" from `{_base(job)}` (licence of the base: {job.base.licence or 'see there'})."
    if _query_side(job):
        text += " Only its reading of queries was trained: pages are embedded with the base, as before."
    return text


def _data(job: Job, examples: int, pages: int, held_out: int) -> str:
    rows = {
        "examples": examples,
        "of them from clicks": job.clicks,
        "of them from made queries": job.made,
        "different pages": pages,
        "held-out queries": held_out,
    }
    return "## Data\n\n" + _table(("", "count"), rows)


def _training(job: Job, steps: Sequence[Step]) -> str:
    measured = [step.ndcg10 for step in steps if step.ndcg10 is not None]
    losses = [step.loss for step in steps if step.loss is not None]
    rows: dict[str, object] = {
        "nDCG@10 of held-out queries, before": f"{measured[0]:.4f}" if measured else "not measured",
        "after": f"{measured[-1]:.4f}" if measured else "not measured",
        "loss, first step": f"{losses[0]:.4f}" if losses else "none",
        "loss, last step": f"{losses[-1]:.4f}" if losses else "none",
        "steps": steps[-1].step if steps else 0,
        "seconds": round(steps[-1].seconds) if steps else 0,
        "weights": f"LoRA, rank {job.rank}" if job.method is Method.LORA else "all",
        "batch size": job.batch_size,
        "hard negatives": job.negatives,
        "epochs": job.epochs,
        "learning rate": job.learning_rate,
        "share of the base kept (WiSE-FT)": job.keep,
        "lengths of vectors": ", ".join(map(str, job.dimensions)) or "whole",
        "seed": job.seed,
    }
    return "## Training\n\n" + _table(("", "value"), rows)


def _use(job: Job) -> str:
    trust = ", trust_remote_code=True" if job.base.runtime is Runtime.STARTER else ""
    if job.role is Role.RERANKER:
        lines = [
            "from sentence_transformers import CrossEncoder",
            "",
            f'model = CrossEncoder("FOLDER"{trust})',
        ]
        lines += ['scores = model.predict([("a query", "the text of a page")])']
    elif _query_side(job):
        base = "starter_model()" if trust else f'SentenceTransformer("{_base(job)}")'
        lines = ["from sentence_transformers import SentenceTransformer"]
        lines += ["from docsearch.models.starter.module import starter_model"] if trust else []
        lines += ["", f'queries = SentenceTransformer("FOLDER"{trust})', f"pages = {base}"]
        lines += [
            'scores = queries.encode_query(["a query"]) @ pages.encode_document(["the text of a page"]).T'
        ]
    else:
        lines = ["from sentence_transformers import SentenceTransformer", ""]
        lines += [f'model = SentenceTransformer("FOLDER"{trust})']
        lines += [
            'scores = model.encode_query(["a query"]) @ model.encode_document(["the text of a page"]).T'
        ]
    needs = "Needs docsearch to be installed.\n\n" if trust else ""
    return f"## Use\n\n{needs}```python\n" + "\n".join(lines) + "\n```\n"


def _query_side(job: Job) -> bool:
    return job.role is Role.EMBEDDER and job.sides is Sides.QUERY


def _base(job: Job) -> str:
    """A name on a hub, or the name of the row: folders of this machine are nobody's business."""
    source = job.base.source
    return source if source and not Path(source).is_absolute() else job.base.name


def _table(heading: tuple[str, str], rows: dict[str, object] | dict[str, int]) -> str:
    lines = [f"| {heading[0]} | {heading[1]} |", "|---|---|"]
    return "\n".join(lines + [f"| {name} | {value} |" for name, value in rows.items()])
