from __future__ import annotations

from itertools import pairwise

from docsearch.answer.passages import PassageShape, choose_passages, is_contents
from docsearch.answer.segments import segments
from docsearch.answer.words import WordMatcher
from tests.unit.answer.pages import source

FILLER = "\n".join(
    f"Nothing of interest is said in sentence number {n} of this long page." for n in range(40)
)
PRICES = """Market information
High
Low
Year ended December 31, 2016
First Quarter
$
657.72
$
474.00
Third Quarter
839.95
716.54
Holders
There were many holders of our shares.
"""


def quotes(question: str, *texts: str, count: int = 3) -> list[str]:
    sources = [source(text, page=page) for page, text in enumerate(texts, 1)]
    return [p.quote.text for p in choose_passages(question, sources, WordMatcher([question]), count)]


def test_the_sentence_with_the_words_is_quoted() -> None:
    page = f"{FILLER}\nThe security deposit amounts to three months of rent without heating costs.\n{FILLER}"
    best = quotes("how much is the security deposit?", page)[0]
    assert "three months" in best
    assert len(best) <= PassageShape().characters


def test_the_row_that_a_question_after_a_number_means_is_quoted() -> None:
    best = quotes("lowest share price in the third quarter", f"{FILLER}\n{PRICES}\n{FILLER}", count=1)
    assert "716.54" in best[0]


def test_key_and_value_of_a_form() -> None:
    receipt = "MR. D.I.Y. (KUCHAI)\nLOT 1851-A\nTotal Incl. GST:\nRM 13.30\nCash\n20.00\nThank you"
    assert "13.30" in quotes("what is the total of the receipt?", receipt)[0]


def test_running_heads_are_no_answer() -> None:
    head = "Annual report of the Northwind Company"
    pages = [
        f"{head} {n}\nThe Northwind {word} opened its doors in May.\n"
        for n, word in ((1, "shop"), (2, "mill"))
    ]
    assert all(head not in quote for quote in quotes("annual report Northwind shop", *pages))


def test_a_table_of_contents_counts_less_than_the_page_itself() -> None:
    chapters = (
        "Introduction",
        "Warranty terms",
        "Repairs",
        "Spare parts",
        "Recycling",
        "Safety",
        "Care",
        "Index",
    )
    contents = "\n".join(f"{name} {n * 7}" for n, name in enumerate(chapters, 1))
    assert is_contents(segments(contents))
    page = "The warranty terms cover all parts of the machine for two years after it was bought."
    assert quotes("warranty terms", contents, page)[0] == page


def test_passages_do_not_overlap_and_come_best_first() -> None:
    page = f"Rent is due monthly on the first.\n{FILLER}\nThe rent is 900 euros, and rent rises by the index."
    sources = [source(page)]
    found = choose_passages("rent", sources, WordMatcher(["rent"]), 5)
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)
    spans = sorted((p.start, p.end) for p in found)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_spans_mark_the_words_of_the_question() -> None:
    [passage] = choose_passages(
        "the deposit", [source("The deposit is high.")], WordMatcher(["the deposit"]), 1
    )
    assert [passage.quote.text[start:end] for start, end in passage.quote.spans] == ["deposit"]
    assert passage.coverage == 1.0


def test_nothing_is_quoted_where_nothing_matches() -> None:
    assert quotes("zebra", "Nothing here.\n") == []
    assert quotes("zebra", "") == []
