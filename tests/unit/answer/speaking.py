"""A generator that says what it is told to, in words as tokens; it satisfies the protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from docsearch.models.protocols import Generation, Message, Sampling, Stop


class Speaking:
    """Says the same to everything, a word at a time."""

    name = "speaking"
    image_pixels = 640

    def __init__(
        self, says: str, context: int = 4000, modalities: frozenset[str] = frozenset({"text"})
    ) -> None:
        self.says = says
        self.context = context
        self.modalities = modalities
        self.asked: list[tuple[Message, ...]] = []

    def count(self, text: str) -> int:
        return len(text.split())

    def measure(self, messages: Sequence[Message]) -> int:
        return sum(3 + self.count(message.text) for message in messages)

    def write(self, messages: Sequence[Message], sampling: Sampling, stop: Stop) -> Iterator[Generation]:
        self.asked.append(tuple(messages))
        prompt = self.measure(messages)
        yield Generation("", prompt, 0, 0, 0)
        yield Generation("", prompt, 0, prompt, 0, 0.5)
        words = self.says.split(" ")
        for number, word in enumerate(words[: sampling.tokens], 1):
            if stop.is_set():
                return
            text = word if number == 1 else f" {word}"
            yield Generation(text, prompt, 0, prompt, number, 0.5, number == sampling.tokens < len(words))

    def close(self) -> None:
        self.asked = []
