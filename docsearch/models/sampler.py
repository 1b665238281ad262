"""How llama.cpp chooses the next token. Is handed the bindings; imports no library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docsearch.models.protocols import Sampling

_TOP_K, _TOP_P, _MIN_P = 40, 0.9, 0.05


class Sampler:
    """A chain of samplers over one context."""

    def __init__(self, llama: Any, context: Any, sampling: Sampling) -> None:
        self._llama = llama
        self._context = context
        self._chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        for step in self._steps(sampling):
            llama.llama_sampler_chain_add(self._chain, step)

    def next(self) -> int:
        """The next token, taken into account for those after it."""
        return int(self._llama.llama_sampler_sample(self._chain, self._context, -1))

    def close(self) -> None:
        """Frees it."""
        self._llama.llama_sampler_free(self._chain)

    def _steps(self, sampling: Sampling) -> Iterator[Any]:
        if sampling.temperature <= 0:
            yield self._llama.llama_sampler_init_greedy()
            return
        yield self._llama.llama_sampler_init_top_k(_TOP_K)
        yield self._llama.llama_sampler_init_top_p(_TOP_P, 1)
        yield self._llama.llama_sampler_init_min_p(_MIN_P, 1)
        yield self._llama.llama_sampler_init_temp(sampling.temperature)
        yield self._llama.llama_sampler_init_dist(sampling.seed)
