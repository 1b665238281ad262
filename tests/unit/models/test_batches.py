from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from docsearch.models.batches import (
    LEAST_CHARACTERS,
    LEAST_PIXELS,
    Batches,
    Eye,
    Rows,
    TooLarge,
    eye_of,
    is_out_of_memory,
    pack,
    smaller_input,
    text_tokens,
    tokens_that_fit,
)
from docsearch.models.protocols import ModelInput
from docsearch.models.vision import mend_torchvision

COSTS = st.lists(st.integers(1, 3000), max_size=60)


@given(COSTS, st.integers(1, 10_000), st.integers(1, 20))
def test_every_input_is_in_one_batch_that_is_not_too_dear(costs: list[int], budget: int, most: int) -> None:
    batches = pack(costs, budget, most)
    assert sorted(place for batch in batches for place in batch) == list(range(len(costs)))
    for batch in batches:
        dearest = max(costs[place] for place in batch)
        assert costs[batch[0]] == dearest
        assert len(batch) <= most
        assert len(batch) == 1 or len(batch) * dearest <= budget
        assert all(2 * costs[place] >= dearest for place in batch)


def test_batches_are_as_large_as_they_may_be() -> None:
    assert pack([10, 10, 10, 10, 10], 20, 8) == [[0, 1], [2, 3], [4]]
    assert pack([5, 100, 6, 90], 200, 8) == [[1, 3], [2, 0]]
    assert pack([1] * 5, 100, 2) == [[0, 1], [2, 3], [4]]


class Memory:
    """A model that fits inputs of so many tokens at once; a row is the number it was shown."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.tried: list[list[int]] = []

    def run(self, batch: list[int]) -> Rows:
        self.tried.append(batch)
        if len(batch) * max(batch) > self.tokens:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return np.array(batch, np.float32).reshape(-1, 1)


def halved(number: int) -> int | None:
    return number // 2 if number > 1 else None


@given(COSTS, st.integers(3000, 20_000))
def test_what_fits_alone_comes_unchanged_and_in_order(costs: list[int], memory: int) -> None:
    ran = Batches(100_000, 64).run(costs, lambda n: n, Memory(memory).run, halved)
    assert [int(row[0]) for row in ran.rows] == costs
    assert not ran.smaller


def test_a_smaller_batch_is_remembered_and_memory_given_back() -> None:
    model, given_back = Memory(100), list[int]()
    batches = Batches(400, 64, lambda: given_back.append(1))
    batches.run([10] * 30, lambda n: n, model.run, halved)
    assert [len(batch) for batch in model.tried] == [30, 15, 7, 7, 7, 7, 2]
    assert len(given_back) == 2
    model.tried.clear()
    batches.run([10] * 8, lambda n: n, model.run, halved)
    assert [len(batch) for batch in model.tried] == [7, 1]


def test_an_input_that_does_not_fit_alone_is_made_smaller_and_named() -> None:
    ran = Batches(1000, 64).run([30, 900, 40], lambda n: n, Memory(300).run, halved)
    assert [int(row[0]) for row in ran.rows] == [30, 225, 40]
    assert ran.smaller == {1: 225}


def test_when_nothing_fits_the_error_says_so() -> None:
    with pytest.raises(TooLarge, match="out of memory"):
        Batches(1000, 64).run([3], lambda n: n, Memory(0).run, halved)


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    def broken(batch: list[int]) -> Rows:
        raise RuntimeError(f"shapes of {batch} do not match")

    with pytest.raises(RuntimeError, match="do not match"):
        Batches(1000, 64).run([3], lambda n: n, broken, halved)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1.49 GiB)"),
        RuntimeError("Invalid buffer size: 30.00 GiB"),
        RuntimeError("XPU out of memory. Tried to allocate"),
        RuntimeError("Native API failed. Native API returns: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes. Buy new RAM!"),
        MemoryError("Unable to allocate 8.00 EiB"),
    ],
)
def test_how_a_lack_of_memory_is_said(error: Exception) -> None:
    assert is_out_of_memory(error)


def test_what_this_machine_says_when_it_has_no_such_memory() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(RuntimeError) as from_torch:
        torch.empty(1 << 50)
    with pytest.raises(MemoryError) as from_numpy:
        np.empty(1 << 50)
    assert is_out_of_memory(from_torch.value)
    assert is_out_of_memory(from_numpy.value)
    assert not is_out_of_memory(OSError("out of memory of another kind"))


def test_tokens_of_a_picture_follow_its_size_between_limits() -> None:
    eye = Eye(0, 32, least_pixels=4096, most_pixels=1280 * 1280)
    assert eye.tokens((905, 1280)) == 28 * 40
    assert eye.tokens((10, 10)) == 4
    assert eye.tokens((10_000, 10_000)) == 1600
    assert Eye(257).tokens((10_000, 10)) == 257
    assert eye.tokens(eye.shrinks((10_000, 10_000))) == pytest.approx(800, rel=0.05)


def test_the_eye_is_read_from_the_processor() -> None:
    mend_torchvision()
    transformers = pytest.importorskip("transformers")
    qwen = transformers.Qwen2VLImageProcessorPil(
        size={"shortest_edge": 3136, "longest_edge": 1_000_000}, patch_size=16, merge_size=2
    )
    assert eye_of(qwen, None) == Eye(0, 32, 3136, 1_000_000)
    assert eye_of(None, transformers.CLIPConfig()) == Eye(50)
    assert eye_of(None, None) == Eye()


def test_texts_are_counted_by_their_bytes() -> None:
    assert 300 < text_tokens("word " * 300) < 900
    assert text_tokens("統計局" * 100) > 290
    assert text_tokens("word " * 300, 77) == 77


def test_an_input_shrinks_to_a_floor() -> None:
    eye, steps = Eye(0, 32), 0
    given: ModelInput | None = ModelInput("word " * 1000, Image.new("RGB", (2000, 1000)))
    while given is not None:
        last, given = given, smaller_input(given, eye)
        steps += 1
    assert last.image is not None
    assert LEAST_PIXELS / 2 < max(last.image.size) <= LEAST_PIXELS
    assert LEAST_CHARACTERS / 2 < len(last.text) <= LEAST_CHARACTERS
    assert steps < 15


def test_less_memory_means_fewer_tokens() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.Qwen3VLConfig(text_config={"hidden_size": 2048, "intermediate_size": 6144})
    assert tokens_that_fit(config, 2, None) == 4096
    assert tokens_that_fit(config, 2, 80 << 30) == 16_384
    assert 1000 < tokens_that_fit(config, 2, 3 << 30) < 16_384
    assert tokens_that_fit(config, 2, 0) == 1
