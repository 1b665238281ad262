"""How well the best passage of a page answers a query, from the terms on the page. Pure.

Two signals that a bag of words misses: a passage that holds many of the query's terms, and neighbours
in the query that stand side by side on the page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

PASSAGE_TERMS = 30
_FARTHEST_PAIR = 4
_SATURATION = 1.2
_PLACES = 50
_HEADING_TERMS = 25
_DENSE = 0.4

Places = Mapping[int, Sequence[int]]
"""For each group of the query, by its number, where on the page one of its terms stands."""


def places(terms: Sequence[str], groups: Mapping[str, int]) -> dict[int, list[int]]:
    """Where each group stands on a page; `groups` gives a term's group number."""
    found: dict[int, list[int]] = {}
    for position, term in enumerate(terms):
        group = groups.get(term)
        if group is not None:
            found.setdefault(group, []).append(position)
    return found


def best_passage(places: Places, weights: Sequence[float], length: int = PASSAGE_TERMS) -> float:
    """The largest BM25-like sum of group weights in any window of `length` terms.

    Each group counts weight x tf x 2.2 / (tf + 1.2), without length normalisation: all windows are
    of one length.
    """
    score, _ = best_window(places, weights, length)
    return score


def best_window(places: Places, weights: Sequence[float], length: int) -> tuple[float, int]:
    """Score and first position of the best window; (0, 0) when nothing matches."""
    matches = sorted((position, group) for group, spots in places.items() for position in spots)
    counts: Counter[int] = Counter()
    best, start, end = 0.0, 0, 0
    for position, group in matches:
        while end < len(matches) and matches[end][0] < position + length:
            counts[matches[end][1]] += 1
            end += 1
        score = sum(
            weights[g] * n * (_SATURATION + 1) / (n + _SATURATION) for g, n in counts.items() if n > 0
        )
        if score > best:
            best, start = score, position
        counts[group] -= 1
    return best, start


def heading(places: Places, weights: Sequence[float]) -> float:
    """The sum of the weights of the groups that stand at the top of the page."""
    return sum(weights[group] for group, spots in places.items() if spots[0] < _HEADING_TERMS)


def figures(terms: Sequence[str]) -> float:
    """The share of numbers among the terms of a page, up to that of a dense table."""
    return min(sum(map(str.isdigit, terms)) / max(len(terms), 1), _DENSE)


def close_pairs(places: Places, groups: int) -> float:
    """One over the distance, summed over neighbours in the query that stand near each other."""
    total = 0.0
    for first in range(groups - 1):
        left, right = places.get(first), places.get(first + 1)
        if left and right:
            distance = _least_distance(left[:_PLACES], right[:_PLACES])
            if distance <= _FARTHEST_PAIR:
                total += 1 / distance
    return total


def _least_distance(left: Sequence[int], right: Sequence[int]) -> int:
    """Smallest distance between two ascending lists of positions, at least 1."""
    i = j = 0
    least = 1 << 30
    while i < len(left) and j < len(right):
        least = min(least, abs(left[i] - right[j]))
        if left[i] < right[j]:
            i += 1
        else:
            j += 1
    return max(least, 1)
