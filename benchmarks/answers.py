"""How good answers are: whether the quotes hold the judged answer, how long they take, what a model adds
to its own reading of the pages, and whether the checker of citations finds planted mistakes.

Needs no model of language: the generator is a small one made here, whose words do not matter.
"""

from __future__ import annotations

import ast
import json
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.planted import made_answers
from benchmarks.program import add_home, complete_index, home_folder
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from benchmarks.said import GivenPage
from docsearch.answer.citations import Checker
from docsearch.answer.cited import CitedPage
from docsearch.errors import MissingExtra
from docsearch.evaluate.judged import page_id
from docsearch.library import Library
from docsearch.records import Answer, PageId, Query, TextSource

TOP = 5
MADE_ANSWERS = 200
_YES_OR_NO = frozenset({"yes", "no", "true", "false"})
_LEAD = 2000


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    add_home(parser)
    parser.add_argument("--seed", type=int, default=1, help="of the answers with planted mistakes (1)")
    parser.add_argument(
        "--made", type=int, default=MADE_ANSWERS, metavar="N", help="answers with planted mistakes (200)"
    )
    parser.add_argument("--questions", type=int, default=8, metavar="N", help="questions to a generator (8)")
    options = parse_args(parser, argv)
    documents = options.docs / "docs"
    with home_folder(options.home) as home:
        complete_index(home, documents)
        asked = list(read_asked(options.docs / "queries.jsonl"))
        with Library(home) as library:
            quotes = measure_quotes(library, asked, documents.resolve())
            note(f"quotes: {quotes.hits} of {quotes.eligible}")
            generated = measure_generator(library, [a.query for a in asked][: options.questions])
            checker = measure_checker(page_pool(library), options.made, options.seed)
    emit(figures(quotes, generated, checker), rows(quotes, checker), as_json=options.json)


# -- quotes ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A judged query whose answer is known: strings that must all be there."""

    query: str
    source: str
    answers: tuple[str, ...]
    relevant: frozenset[str]


@dataclass(frozen=True, slots=True)
class QuoteFigures:
    """How often the quotes hold the answer, of the queries where some page of the first five does."""

    eligible: int
    hits: int
    by_source: dict[str, tuple[int, int]]
    milliseconds: tuple[float, ...]
    characters: float


def read_asked(file: Path) -> Iterator[Asked]:
    """The judged queries; those whose answer is no string, or just yes or no, have none."""
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        relevant = frozenset(page_id(page["doc"], page["page"]) for page in row["relevant"])
        yield Asked(row["query"], row.get("source", ""), tuple(_answers(row.get("answer"))), relevant)


def measure_quotes(library: Library, asked: Sequence[Asked], documents: Path) -> QuoteFigures:
    """Asks every query without a model."""
    by_source: Counter[tuple[str, bool]] = Counter()
    milliseconds: list[float] = []
    lengths: list[int] = []
    for one in asked:
        [*_, answer] = library.ask(_query(one.query), pages=TOP, model="off", boxes=False)
        milliseconds.append(answer.timings.passages * 1000)
        if one.answers and _eligible(library, one, documents):
            quoted = "\n".join(statement.text for statement in answer.statements)
            lengths.append(len(quoted))
            by_source[one.source, holds(quoted, one.answers)] += 1
    hits = sum(count for (_, hit), count in by_source.items() if hit)
    sources = sorted({source for source, _ in by_source})
    return QuoteFigures(
        eligible=sum(by_source.values()),
        hits=hits,
        by_source={s: (by_source[s, True], by_source[s, True] + by_source[s, False]) for s in sources},
        milliseconds=tuple(milliseconds),
        characters=sum(lengths) / max(len(lengths), 1),
    )


def _eligible(library: Library, asked: Asked, documents: Path) -> bool:
    """Whether a relevant page among the first five holds the answer."""
    hits = library.search(_query(asked.query), TOP).hits
    relevant = [
        hit.page
        for hit in hits
        if page_id(hit.path.resolve().relative_to(documents).as_posix(), hit.page.page) in asked.relevant
    ]
    texts = library.store.pages.texts(relevant)
    return any(holds(text, asked.answers) for text, _ in texts.values())


def _query(text: str) -> Query:
    """The judged text is words, not query language."""
    return Query(raw=text, text=text)


def _answers(answer: object) -> list[str]:
    if isinstance(answer, str) and answer.startswith("["):
        try:
            answer = [str(part) for part in ast.literal_eval(answer)]
        except (ValueError, SyntaxError):
            answer = [answer]
    parts = [answer] if isinstance(answer, str) else answer if isinstance(answer, list) else []
    strings = [str(part) for part in parts if normal(str(part)).strip()]
    return [] if any(normal(part).strip() in _YES_OR_NO for part in strings) else strings


def holds(text: str, answers: Sequence[str]) -> bool:
    """Whether a text holds all answers, as words and numbers in order; how they are written is no matter."""
    plain = normal(text)
    return all(normal(answer) in plain for answer in answers)


def normal(text: str) -> str:
    """Folded words and numbers between blanks: "$1,577.00" becomes " 1577 "."""
    folded = re.sub(r"(?<=\d),(?=\d)", "", unicodedata.normalize("NFKC", text).casefold())
    parts = re.findall(r"\d+(?:\.\d+)?|[^\W\d_]+", folded)
    return f" {' '.join(p.rstrip('0').rstrip('.') if '.' in p else p for p in parts)} "


# -- a generator ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GeneratorFigures:
    """Medians over questions, each with a follow-up.

    Attributes:
        overhead_ms: from the question to the first token, less search, loading and the model's reading.
        saving: the share of a follow-up's prompt that the model still knew.
        first_seconds, follow_seconds: what reading the prompt took, first and then.
    """

    overhead_ms: float
    saving: float
    first_seconds: float
    follow_seconds: float


def measure_generator(library: Library, questions: Sequence[str]) -> GeneratorFigures | None:
    """Asks a small generator; None where llama-cpp-python is not installed."""
    from tests.models.tiny_gguf import speaking_gguf

    firsts: list[Answer] = []
    follows: list[Answer] = []
    with tempfile.TemporaryDirectory(prefix="docsearch-benchmark-") as folder:
        model = str(
            speaking_gguf(Path(folder) / "tiny.gguf", ["The page says", " so", " [1]."], context=32768)
        )
        try:
            [*_] = library.ask(_query(questions[0]), pages=1, model=model, boxes=False)
        except MissingExtra as error:
            note(f"{error.message}: {error.hint}")
            return None
        for number, question in enumerate(questions, 1):
            [*_, first] = library.ask(_query(question), pages=2, model=model, boxes=False)
            [*_, after] = library.ask(
                _query("and the year before?"), pages=1, follow=True, model=model, boxes=False
            )
            note(f"generator: {number} of {len(questions)}")
            firsts.append(first)
            follows.append(after)
        library.answers.close()
    library.answers.forget_thread()
    return GeneratorFigures(
        overhead_ms=median(_overhead(answer) * 1000 for answer in firsts),
        saving=median(a.timings.cached_tokens / max(a.timings.prompt_tokens, 1) for a in follows),
        first_seconds=median(answer.timings.prompt for answer in firsts),
        follow_seconds=median(answer.timings.prompt for answer in follows),
    )


def _overhead(answer: Answer) -> float:
    timings = answer.timings
    return timings.first_token - timings.search - timings.prompt


# -- the checker ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckerFigures:
    """Statements by kind: (flagged, all)."""

    wrong: dict[str, tuple[int, int]]
    right: dict[str, tuple[int, int]]

    @property
    def found(self) -> float:
        """Share of the wrong statements that are flagged."""
        return _share(self.wrong)

    @property
    def false(self) -> float:
        """Share of the right statements that are flagged."""
        return _share(self.right)


def page_pool(library: Library) -> list[GivenPage]:
    """Every page of the index, with what is known about its document."""
    index = library.store
    found = index.documents.get(index.documents.live())
    files = index.files.of_documents(found)
    pool: list[GivenPage] = []
    for number, document in sorted(found.items(), key=lambda item: str(files[item[0]][0].path)):
        texts = index.pages.texts(PageId(number, page) for page in range(1, document.pages + 1))
        lead = texts.get(PageId(number, 1), ("", TextSource.NONE))[0][:_LEAD]
        about = f"{document.title}\n{files[number][0].path}\n{lead}"
        for page, (text, source) in sorted(texts.items(), key=lambda item: item[0].page):
            pool.append(GivenPage(str(number), page.page, text, about, source is TextSource.OCR))
    return pool


def measure_checker(pool: Sequence[GivenPage], count: int, seed: int) -> CheckerFigures:
    """Checks answers with planted mistakes."""
    flagged: Counter[tuple[bool, str]] = Counter()
    total: Counter[tuple[bool, str]] = Counter()
    note(f"checker: making {count} answers")
    for answer in made_answers(pool, count, seed):
        pages = {n: CitedPage(p.text, p.about, p.recognised) for n, p in answer.pages.items()}
        checker = Checker(pages)
        for made in answer.statements:
            total[made.right, made.kind] += 1
            flagged[made.right, made.kind] += any(s.flags for s in checker.statements(made.text))
    kinds: dict[bool, dict[str, tuple[int, int]]] = {True: {}, False: {}}
    for (right, kind), count in total.items():
        kinds[right][kind] = (flagged[right, kind], count)
    return CheckerFigures(wrong=kinds[False], right=kinds[True])


def _share(kinds: dict[str, tuple[int, int]]) -> float:
    return sum(some for some, _ in kinds.values()) / max(sum(all_ for _, all_ in kinds.values()), 1)


# -- the report -----------------------------------------------------------------------------------


def figures(
    quotes: QuoteFigures, generated: GeneratorFigures | None, checker: CheckerFigures
) -> dict[str, Figure]:
    """What is reported."""
    ordered = sorted(quotes.milliseconds)
    return {
        "extractive_hit": quotes.hits / max(quotes.eligible, 1),
        "eligible_queries": quotes.eligible,
        "extractive_ms": median(ordered),
        "extractive_p95_ms": ordered[int(0.95 * (len(ordered) - 1))],
        "quoted_characters": quotes.characters,
        "first_token_overhead_ms": generated.overhead_ms if generated else None,
        "followup_saving": generated.saving if generated else None,
        "first_prompt_seconds": generated.first_seconds if generated else None,
        "followup_prompt_seconds": generated.follow_seconds if generated else None,
        "checker_found": checker.found,
        "checker_false": checker.false,
        "extractive_hit_by_source": {s: hit / max(n, 1) for s, (hit, n) in quotes.by_source.items()},
        "eligible_by_source": {source: n for source, (_, n) in quotes.by_source.items()},
        "checker_found_by_kind": {kind: some / n for kind, (some, n) in checker.wrong.items()},
        "checker_false_by_kind": {kind: some / n for kind, (some, n) in checker.right.items()},
    }


def rows(quotes: QuoteFigures, checker: CheckerFigures) -> list[list[object]]:
    """A row a source of queries, and a kind of statement."""
    hits = [[f"quotes hold the answer: {s}", some, n] for s, (some, n) in quotes.by_source.items()]
    wrong = [[f"wrong, flagged: {kind}", *counts] for kind, counts in sorted(checker.wrong.items())]
    right = [[f"right, flagged: {kind}", *counts] for kind, counts in sorted(checker.right.items())]
    return [["", "some", "of"], *hits, *wrong, *right]


if __name__ == "__main__":
    main()
