"""Generators that llama.cpp runs from GGUF files on this machine. The only home of llama_cpp.

Uses the library's plain bindings of llama.cpp, not its `Llama` class: that one sends all of the program's
output to nowhere while it loads, which a terminal screen cannot bear, and reads control tokens in text.
Here only the model's own chat template may hold control tokens; what a message says is tokenised as text.
"""

from __future__ import annotations

import codecs
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from docsearch.errors import MissingExtra, ModelUnavailable
from docsearch.models.chat import ChatTemplate
from docsearch.models.device import GeneratorOptions
from docsearch.models.eyes import Eyes
from docsearch.models.protocols import Generation, Message, Sampling, Stop
from docsearch.models.registry import ModelRow
from docsearch.models.sampler import Sampler
from docsearch.models.tokens import Vocabulary

BATCH = 256
"""Tokens of a prompt that are read at once; between two batches it can be stopped on any device."""
_FEW_CORES = 4
"""Machines with more count each core twice."""
_ABORTED = 2
_ERROR = 4
"""llama.cpp's level for messages about errors."""
_REMEMBERED_TEXTS = 64


def require_llama_cpp() -> None:
    """Raises MissingExtra when llama-cpp-python is not installed."""
    _library()


def has_gpu() -> bool:
    """Whether this llama.cpp was built for a GPU that is here. Raises as `require_llama_cpp` does."""
    return bool(_library().llama_supports_gpu_offload())


class LlamaCppGenerator:
    """A generator from a GGUF file. Not for several threads at once; `stop` may be set from any."""

    def __init__(
        self,
        row: ModelRow,
        file: Path,
        options: GeneratorOptions,
        *,
        mmproj: Path | None = None,
        stop: Stop | None = None,
    ) -> None:
        """Loads the model.

        Raises:
            MissingExtra: llama-cpp-python is not installed.
            ModelUnavailable: the file is no model that llama.cpp can run, or memory does not suffice.
        """
        self._llama = _library()
        self._row = row
        self._options = options
        self._stop: Stop | None = stop
        self._held: list[int] = []
        self._position = 0
        self._model: Any = None
        self._context: Any = None
        self._eyes: Eyes | None = None
        self._said, _ = _quiet()
        self._said.clear()
        try:
            self._load(file)
            self._template = self._read_template()
            if mmproj is not None:
                self._eyes = Eyes(_mtmd(), mmproj, self._model, self._threads)
        except BaseException:
            self.close()
            raise
        self._said_tokens = lru_cache(_REMEMBERED_TEXTS)(self._tokens_of)

    @property
    def name(self) -> str:
        """The row of models.toml this model comes from."""
        return self._row.name

    @property
    def modalities(self) -> frozenset[str]:
        """What it reads."""
        return frozenset({"text", "image"}) if self._eyes else frozenset({"text"})

    @property
    def image_pixels(self) -> int:
        """Longest side, in pixels, at which a page should be shown to it."""
        return self._row.image_pixels or 1024

    @property
    def context(self) -> int:
        """How many tokens it holds, prompt and answer together."""
        return int(self._llama.llama_n_ctx(self._context))

    def count(self, text: str) -> int:
        """How many tokens a text is."""
        return len(self._said_tokens(text))

    def _tokens_of(self, text: str) -> list[int]:
        return self._vocabulary.tokens(text, control=False)

    def measure(self, messages: Sequence[Message]) -> int:
        """How many tokens a conversation is, with the model's own template around it."""
        parts = self._parts(messages)
        _close(parts)
        return sum(map(_size, parts))

    def write(self, messages: Sequence[Message], sampling: Sampling, stop: Stop) -> Iterator[Generation]:
        """Reads the conversation and writes what follows it; see `Generator`."""
        parts = self._parts(messages)
        total = sum(map(_size, parts))
        if total >= self.context:
            _close(parts)
            raise ModelUnavailable(
                f"the question takes {total} tokens, and model '{self.name}' holds {self.context}",
                hint="ask with fewer --pages, or set a larger context in [answers]",
            )
        self._stop = stop
        try:
            yield from self._generate(parts, total, sampling, stop)
        finally:
            self._stop = None
            _close(parts)

    def close(self) -> None:
        """Gives the memory back; the generator cannot be used after that."""
        if self._eyes is not None:
            self._eyes.close()
        if self._context is not None:
            self._llama.llama_free(self._context)
        if self._model is not None:
            self._llama.llama_model_free(self._model)
        self._eyes = self._context = self._model = None
        self._held = []

    # -- loading -------------------------------------------------------------------------------

    @property
    def _threads(self) -> int:
        cores = os.cpu_count() or 1
        return self._options.threads or (cores if cores <= _FEW_CORES else cores // 2)

    def _load(self, file: Path) -> None:
        params = self._llama.llama_model_default_params()
        params.n_gpu_layers = 1 << 16 if self._options.gpu_layers < 0 else self._options.gpu_layers
        going_on = self._llama.llama_progress_callback(lambda *_: not self._stopped())
        params.progress_callback = going_on
        self._model = self._llama.llama_model_load_from_file(os.fsencode(file), params)
        if not self._model:
            raise self._failure("cannot be loaded")
        self._vocabulary = Vocabulary(self._llama, self._model)
        self._open_context()

    def _open_context(self) -> None:
        params = self._llama.llama_context_default_params()
        params.n_ctx = self._options.context
        params.n_batch = params.n_ubatch = min(BATCH, self._options.context)
        params.n_threads = params.n_threads_batch = self._threads
        params.no_perf = True
        self._abort = self._llama.ggml_abort_callback(lambda _: self._stopped())
        params.abort_callback = self._abort
        self._context = self._llama.llama_init_from_model(self._model, params)
        if not self._context:
            raise self._failure(f"has no memory for a context of {self._options.context} tokens")

    def _stopped(self) -> bool:
        return self._stop is not None and self._stop.is_set()

    def _failure(self, what: str) -> ModelUnavailable:
        reason = next(iter(self._said), "").partition(": ")[2]
        return ModelUnavailable(
            f"model '{self.name}' {what}" + (f": {reason}" if reason else ""),
            hint="a damaged or very new file, or too little memory: fetch it again, update llama-cpp-python, "
            "or set a smaller context in [answers]",
        )

    def _read_template(self) -> ChatTemplate:
        source = self._llama.llama_model_chat_template(self._model, None)
        if not source:
            raise ModelUnavailable(
                f"model '{self.name}' has no chat template: it is not made for questions",
                hint="take an instruction-tuned model",
            )
        return ChatTemplate(self.name, source.decode("utf-8", "replace"), *self._vocabulary.borders())

    # -- prompts -------------------------------------------------------------------------------

    def _parts(self, messages: Sequence[Message]) -> list[Any]:
        """The conversation as lists of tokens and, between them, pictures."""
        parts: list[Any] = [[]]
        for piece in self._template.render(messages):
            if isinstance(piece, Message):
                parts += self._shown(piece)
                parts.append(self._said_tokens(piece.text))
            else:
                parts.append(self._vocabulary.tokens(piece, control=True))
        joined: list[Any] = [[]]
        for part in parts:
            if isinstance(part, list) and isinstance(joined[-1], list):
                joined[-1] = joined[-1] + part
            else:
                joined.append(part)
        return self._begun(joined)

    def _begun(self, parts: list[Any]) -> list[Any]:
        """With the token that texts begin with, where the model wants it and the template has none."""
        begin = self._vocabulary.begin
        if begin is not None and parts[0][:1] != [begin]:
            parts[0] = [begin, *parts[0]]
        return parts

    def _shown(self, message: Message) -> Iterator[Any]:
        if self._eyes is not None:
            for image in message.images:
                yield from self._eyes.look(image)

    # -- reading and writing -------------------------------------------------------------------

    def _generate(self, parts: list[Any], total: int, sampling: Sampling, stop: Stop) -> Iterator[Generation]:
        started = time.perf_counter()
        cached = read = self._keep_common(parts)
        yield Generation("", total, cached, read, 0)
        for read in self._read(parts, cached):
            if stop.is_set():
                return
            yield Generation("", total, cached, read, 0, time.perf_counter() - started)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        sampler = Sampler(self._llama, self._context, sampling)
        try:
            most = min(sampling.tokens, self.context - total)
            reading = 0.0
            for written in range(1, most + 1):
                if stop.is_set():
                    return
                token = sampler.next()
                reading = reading or time.perf_counter() - started
                if self._vocabulary.ends(token):
                    return
                text = decoder.decode(self._vocabulary.piece(token))
                yield Generation(text, total, cached, read, written, reading, written == most)
                if written < most and not self._decode([token]):
                    return
        finally:
            sampler.close()

    def _keep_common(self, parts: list[Any]) -> int:
        """Forgets what the model holds beyond the beginning that both conversations share."""
        common = 0
        if len(parts) == 1:
            prompt = parts[0]
            while common < min(len(prompt) - 1, len(self._held)) and prompt[common] == self._held[common]:
                common += 1
        memory = self._llama.llama_get_memory(self._context)
        if not (common and self._llama.llama_memory_seq_rm(memory, 0, common, -1)):
            self._llama.llama_memory_clear(memory, True)
            common = 0
        del self._held[common:]
        self._position = common
        return common

    def _read(self, parts: list[Any], cached: int) -> Iterator[int]:
        """Reads what follows the cached tokens; yields how many are read. Ends early when stopped."""
        if len(parts) > 1:
            yield from self._read_with_pictures(parts)
            return
        tokens: list[int] = parts[0]
        for start in range(cached, len(tokens), BATCH):
            if not self._decode(tokens[start : start + BATCH]):
                return
            yield min(start + BATCH, len(tokens))

    def _read_with_pictures(self, parts: list[Any]) -> Iterator[int]:
        read = 0
        for part in parts:
            if isinstance(part, list):
                for start in range(0, len(part), BATCH):
                    some = part[start : start + BATCH]
                    if not self._decode(some):
                        return
                    read += len(some)
                    yield read
            else:
                if self._stopped():
                    return
                self._position = part.read(self._context, self._position, BATCH)
                read += part.size
                yield read
        self._held = []  # positions are not tokens any more: the next prompt is read anew

    def _decode(self, tokens: list[int]) -> bool:
        """Takes tokens into the context; False when it was stopped in the midst of it."""
        count = len(tokens)
        array = (self._llama.llama_token * count)(*tokens)
        batch = self._llama.llama_batch_get_one(array, count)
        batch.pos = (self._llama.llama_pos * count)(*range(self._position, self._position + count))
        code = self._llama.llama_decode(self._context, batch)
        if code == 0:
            self._held += tokens
            self._position += count
            return True
        if code == _ABORTED or self._stopped():
            return False
        raise ModelUnavailable(
            f"model '{self.name}' failed (llama.cpp: {code})"
            + "".join(f": {s}" for s in list(self._said)[-1:]),
            hint="set a smaller context in [answers], or gpu_layers = 0",
        )


def _close(parts: list[Any]) -> None:
    """Gives back the memory of pictures in a prompt."""
    for part in parts:
        if not isinstance(part, list):
            part.close()


def _size(part: Any) -> int:
    return len(part) if isinstance(part, list) else int(part.size)


@cache
def _library() -> Any:
    """The bindings, with llama.cpp told to be quiet; raises MissingExtra when they are not there."""
    try:
        import llama_cpp.llama_cpp as llama
    except ModuleNotFoundError as error:
        missing = MissingExtra("answers from a model", "answers")
        missing.hint += " (it is compiled on this machine: about 5 minutes and a C++ compiler such as g++)"
        raise missing from error
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelUnavailable(
            f"llama-cpp-python does not load: {error}", hint="install it anew: pip install llama-cpp-python"
        ) from error
    llama.llama_backend_init()
    return llama


@cache
def _mtmd() -> Any:
    """The bindings of the part that sees."""
    try:
        import llama_cpp.mtmd_cpp as mtmd
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelUnavailable("this llama-cpp-python was built without pictures") from error
    return mtmd


@cache
def _quiet() -> tuple[deque[str], Any]:
    """What llama.cpp complains of, instead of the terminal; and what it calls, which must live on."""
    llama = _library()
    said: deque[str] = deque(maxlen=8)

    def hear(level: int, text: bytes, _: Any) -> None:
        line = "".join(c for c in text.decode("utf-8", "replace") if c.isprintable()).strip()
        if level == _ERROR and line:
            said.append(line)

    callback = llama.llama_log_callback(hear)
    llama.llama_log_set(callback, None)
    with suppress(ModelUnavailable, AttributeError):
        _mtmd().mtmd_log_set(callback, None)
        _mtmd().mtmd_helper_log_set(callback, None)
    return said, callback
