"""Turns text into index terms, the same way for pages and for queries.

Letters and digits are split ("FY2018" gives fy 2018), accents and case are folded, thousands
separators are dropped, and scripts written without spaces become overlapping pairs of characters.
Words are stemmed by the language of the page they stand on; a query is stemmed for every language
the index holds, so that no language hides another. Knows no table and no query syntax.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import NamedTuple, Protocol

DEFAULT_LANGUAGE = "english"

# Sentence ends and other punctuation of these scripts are left out: they are no part of a word.
_UNSPACED = (
    "\u0e00-\u0e4e\u0e50-\u0e59\u0e5c-\u0eff"  # Thai, Lao
    "\u1000-\u1049\u1050-\u109f\u1780-\u17d3\u17d7\u17db-\u17ff"  # Myanmar, Khmer
    "\u3040-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # Hiragana, Katakana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    "\uac00-\ud7af"  # Hangul
    "\U00020000-\U0003134f"
)
_INDIC_MARKS = (
    "\u0900-\u0963\u0966-\u096f\u0971-\u09fc\u09fe-\u0a75\u0a77-\u0aef\u0af1-\u0c76\u0c78-\u0c83\u0c85-\u0df3"
    "\u0df5-\u0dff"
)
_MARKS = (
    "\u0300-\u036f"  # accents
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew points
    "\u0610-\u061a\u0640\u064b-\u0652\u0670"  # Arabic harakat and tatweel
)
_NUMBER = r"\d{1,3}(?:,\d{3})+(?!\d)|\d+"
_ASCII_TOKEN = re.compile(rf"[a-z]+|{_NUMBER}")
_SPACED_TOKEN = re.compile(rf"[^\W\d_]+|{_NUMBER}")
_TOKEN = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)|{_NUMBER}|(?:(?![{_UNSPACED}])[^\W\d_]|[{_INDIC_MARKS}])+"
)
_FOREIGN_LETTER = re.compile(rf"[^\x00-\x7f\W_]|[{_UNSPACED}{_INDIC_MARKS}]")
_NEEDS_CARE = re.compile(f"[{_UNSPACED}{_INDIC_MARKS}]")
_BLANKS = bytes(code if chr(code).isalnum() or code == 44 else 32 for code in range(128)).ljust(256, b" ")
"""Maps what cannot be part of an ASCII word or number (44 is the comma) to blanks."""
_DROPPED_MARKS = re.compile(f"[{_MARKS}]")
_JOINS_LEFT = re.compile("[\u1160-\u11ff\u3131-\u318e\ud7b0-\ud7ff\uff9e-\uffdc]")  # jamo, kana marks

_STANDS_ALONE = re.compile(
    "[\u0000-\u02ff\u0370-\u0482\u2010-\u2bff\u3000-\u3098\u309b-\u9fff\uac00-\ud7af]*"
)
"""Text of characters that never vanish or join when folded; each becomes one character or more."""

_LANGUAGE_WORDS: dict[str, str] = {
    "english": "the of and to in that is for with as was by on are be this from have or which",
    "german": "der die und das den von zu mit sich des auf für ist im dem nicht ein eine als auch werden",
    "french": "le la les et des en du une est que dans pour qui sur pas par au avec sont cette",
    "spanish": "el la los las del que en una por con para es se como más su lo al son sobre",
    "italian": "il di che la per una con del della non sono gli nel alla dei delle è anche come",
    "portuguese": "o de que em um uma para com não os do da dos das por mais como ao são pela",
    "dutch": "de het een van en dat in is op te voor met zijn niet aan door ook bij wordt naar",
    "swedish": "och att det som en på är av för med den till inte har om ett var de vid eller",
    "danish": "og at det er en til af på som med for den ikke der har et fra blev ved eller",
    "norwegian": "og i det er en til av på som med for den ikke har et fra ble ved eller å",
    "finnish": "ja on ei se että oli hän mutta ovat kuin sekä myös tai joka sen kanssa mukaan",
    "hungarian": "a az és hogy nem is egy ez volt meg csak már mint vagy még de azt lehet",
    "romanian": "și de la în a cu pe nu este din care pentru mai un o ca sau prin fost sunt",
    "turkish": "ve bir bu için ile de da olarak çok daha gibi olan ancak sonra kadar veya göre",
    "russian": "и в не на что с по как это из но за от для так его или был при также",
}


_SAMPLE = (
    "FY2018 1,234,567.89 snake_case camelCase Größe GROSSE ﬁnance naïve Übersetzungen "
    "connections organisations nationally relazioni libertades développements jälleenmyyjien "
    "megszentségteleníthetetlen договоров evlerinizden ακρόπολις שלום עִבְרִית مَرْحَبًا हिन्दी "
    "東京都庁 データベース 한국어 文書 ภาษาไทย"
)
"""A bit of everything that is treated in a way of its own."""


def fold(text: str) -> str:
    """Lower case without accents, compatibility forms replaced: "Größe" and "GROSSE" become "grosse"."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", _DROPPED_MARKS.sub("", decomposed)).casefold()


def _stop_words() -> dict[str, frozenset[str]]:
    return {language: frozenset(fold(words).split()) for language, words in _LANGUAGE_WORDS.items()}


class Stemmer(Protocol):
    """What is used of a Snowball stemmer."""

    def stemWord(self, word: str) -> str:  # noqa: N802 (the library's name)
        """The stem of one folded word."""


class Token(NamedTuple):
    """One folded word of a text and where it stands: `text[start:end]`."""

    word: str
    start: int
    end: int


class AnalyzedText(NamedTuple):
    """What the index keeps of a page: terms and distinct words, each joined by blanks, and the language."""

    terms: str
    words: str
    language: str


@dataclass(slots=True)
class Analyzer:
    """Makes terms. Keeps the stems it has seen, so one analyzer should serve many pages."""

    stop_words: dict[str, frozenset[str]] = field(default_factory=_stop_words)
    _stems: dict[str, _Stems] = field(default_factory=dict)

    def analyze(self, text: str) -> AnalyzedText:
        """Terms of one page of text, in reading order."""
        words = _words(fold(text))
        distinct = frozenset(words)
        language = self.language_of(distinct)
        return AnalyzedText(self._join(words, language), " ".join(distinct), language)

    def language_of(self, words: frozenset[str]) -> str:
        """The language whose commonest words occur most among `words`; English when none stands out."""
        counts = Counter({language: len(words & common) for language, common in self.stop_words.items()})
        (best, most), (_, second) = counts.most_common(2)
        if most < 3 or counts[DEFAULT_LANGUAGE] >= most:
            return DEFAULT_LANGUAGE
        return best if most > second else DEFAULT_LANGUAGE

    def stem(self, word: str, language: str) -> str:
        """The stem of one folded word; digits and unspaced scripts stay as they are."""
        return self.stems(language)[word]

    def stems(self, language: str) -> Mapping[str, str]:
        """Gives the stem of any folded word of the language."""
        if language not in self._stems:
            self._stems[language] = _Stems(language)
        return self._stems[language]

    def variants(self, word: str, languages: Iterable[str]) -> tuple[str, ...]:
        """The stems one query word can have on pages in these languages, without repeats."""
        return tuple(dict.fromkeys(self.stem(word, language) for language in languages))

    def _join(self, words: Sequence[str], language: str) -> str:
        terms = " ".join(map(self.stems(language).__getitem__, words))
        if terms.isascii():
            return terms
        unspaced = (word for word in words if len(word) == 2 and word[0] > "\u0dff")
        return " ".join([terms, *dict.fromkeys(chain.from_iterable(unspaced))])


class _Stems(dict[str, str]):
    """The stems of one language, made when they are first asked for."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._language = language
        self._stemmer: Stemmer | None = None

    def __missing__(self, word: str) -> str:
        if self._stemmer is None:
            from Stemmer import Stemmer as Snowball

            self._stemmer = Snowball(self._language)
        stem = self[word] = self._stemmer.stemWord(word)
        return stem


@cache
def _pairs(run: str) -> tuple[str, ...]:
    """Overlapping pairs of a run of characters written without spaces; a lone one stands for itself."""
    return tuple(run[i : i + 2] for i in range(len(run) - 1)) or (run,)


def _words(folded: str) -> list[str]:
    if not _FOREIGN_LETTER.search(folded):
        return _ascii_words(folded)
    if _NEEDS_CARE.search(folded):
        words: list[str] = []
        for match in _TOKEN.finditer(folded):
            words += _pairs(match.group()) if match.lastgroup else (match.group(),)
    else:
        words = _SPACED_TOKEN.findall(folded)
    return [word.replace(",", "") for word in words] if "," in folded else words


def _ascii_words(folded: str) -> list[str]:
    """Words of a text whose letters and digits are all ASCII; most are found by splitting at blanks."""
    words: list[str] = []
    for piece in folded.encode("ascii", "replace").translate(_BLANKS).decode("ascii").split():
        if piece.isalpha():
            words.append(piece)
        else:
            words += [word.replace(",", "") for word in _ASCII_TOKEN.findall(piece)]
    return words


def tokens(text: str) -> Iterator[Token]:
    """The words `Analyzer.analyze` finds in `text`, with their places in the text as it was given."""
    folded, starts, ends = fold_with_places(text)
    for match in _TOKEN.finditer(folded):
        first = match.start()
        for offset, word in enumerate(_pairs(match.group()) if match.lastgroup else (match.group(),)):
            last = first + offset + len(word) - 1
            yield Token(word.replace(",", ""), starts[first + offset], ends[last])


def spaced_words(folded: str) -> Iterator[re.Match[str]] | None:
    """The words of a folded text, thousands separators still in them; None if it holds other scripts
    than those whose words are runs of letters, where only `tokens` knows the words."""
    return None if _NEEDS_CARE.search(folded) else _SPACED_TOKEN.finditer(folded)


def fold_with_places(text: str) -> tuple[str, Sequence[int], Sequence[int]]:
    """`fold(text)`, and where in `text` what became its n-th character starts and ends."""
    folded = fold(text)
    if len(folded) == len(text) and _STANDS_ALONE.fullmatch(text):
        return folded, range(len(text)), range(1, len(text) + 1)
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    place = 0
    for line in text.splitlines(keepends=True):
        if line.isascii():
            pieces.append(line.lower())
            starts += range(place, place + len(line))
            ends += range(place + 1, place + len(line) + 1)
        else:
            _fold_clusters(line, place, pieces, starts, ends)
        place += len(line)
    return "".join(pieces), starts, ends


def _fold_clusters(line: str, place: int, pieces: list[str], starts: list[int], ends: list[int]) -> None:
    """Adds what a line that begins at `place` becomes when it is folded, and where that stands."""
    folds: dict[str, str] = {}
    for cluster in _clusters(line):
        characters = folds.get(cluster)
        if characters is None:
            characters = folds[cluster] = fold(cluster)
        pieces.append(characters)
        starts += [place] * len(characters)
        place += len(cluster)
        ends += [place] * len(characters)


def _clusters(text: str) -> Sequence[str]:
    """The text in pieces that fold independently: characters, letters with their marks, syllables."""
    if not any(map(_joins_left, set(text))):
        return text
    clusters: list[str] = []
    for character in text:
        if clusters and character > "\u02ff" and _joins_left(character):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def _joins_left(character: str) -> bool:
    return unicodedata.category(character).startswith("M") or bool(_JOINS_LEFT.match(character))


def analyze_page(text: str) -> AnalyzedText:
    """Analyzes one page with an analyzer kept for the life of the process; for worker processes."""
    return _process_analyzer().analyze(text)


@cache
def _process_analyzer() -> Analyzer:
    return Analyzer()


def analyzer_fingerprint() -> str:
    """Hex digest of what becomes of a sample: changes with this code, its stemmers and Unicode's tables."""
    analyzer = Analyzer()
    words = _words(fold(_SAMPLE))
    stems = (analyzer.stem(word, language) for language in _LANGUAGE_WORDS for word in words)
    found = (analyzer.analyze(text) for text in (_SAMPLE, *_LANGUAGE_WORDS.values()))
    terms = " ".join([*stems, *(f"{page.language} {page.terms}" for page in found)])
    return hashlib.blake2b(terms.encode(), digest_size=8).hexdigest()
