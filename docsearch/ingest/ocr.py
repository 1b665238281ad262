"""Recognises the text of a page image, with the models in RapidOCR's wheel, or Tesseract where asked.

Knows pixels and nothing else: no file, no cache, no settings. Nothing here touches the network.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from docsearch.errors import ModelUnavailable, SettingsError
from docsearch.ingest.lines import Line, Points, compose_page, mean_confidence, mostly_vertical, sides, turned
from docsearch.ingest.tesseract import TesseractOcr, tesseract_reads
from docsearch.records import OcrPage

Pixels = NDArray[np.uint8]
"""An RGB image of shape (height, width, 3)."""

SMALLEST_SIDE = 8
"""Images with a shorter side, in pixels, hold no readable text."""


class OcrEngine(Protocol):
    """Reads the text in a page image."""

    @property
    def fingerprint(self) -> str:
        """Engine, model and settings: all that shapes the text a given image yields."""

    @property
    def pixels(self) -> int:
        """Longest side, in pixels, at which a page should be rendered for this engine."""

    def recognise(self, image: Pixels, enough: float | None = None) -> OcrPage:
        """Text in reading order and word boxes of an RGB image (h, w, 3); nothing readable gives no text.

        With `enough`, reading the longest lines will do, until they are so many times as long as high.
        """


def make_ocr(kind: str, languages: str = "eng", threads: int = 1) -> OcrEngine:
    """The engine a setting names: 'rapidocr', 'tesseract', or 'auto'.

    `languages` are Tesseract codes joined by '+'. 'auto' takes RapidOCR, and Tesseract for languages
    whose script RapidOCR's model does not know, where Tesseract has their data.
    Raises SettingsError for an unknown kind and for Tesseract without its program or data.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # or onnxruntime reports to its maker when it is loaded
    if kind == "auto":
        kind = "rapidocr" if _rapidocr_reads(languages) or not tesseract_reads(languages) else "tesseract"
    if kind == "rapidocr":
        return RapidOcr(threads)
    if kind == "tesseract":
        return TesseractOcr(languages, threads)
    raise SettingsError(f"unknown OCR engine {kind!r}", hint="use auto, rapidocr or tesseract")


OTHER_SCRIPTS = frozenset(
    "amh ara asm bel ben bod bul bos_cyrl div dzo fas guj heb hin hye iku kan kat kaz khm kir kor lao mal "
    "mar mkd mon mya nep ori pan pus san sin snd srp syr tam tat tel tgk tha tir uig rus ukr urd yid".split()
)
"""Tesseract codes of languages in scripts that RapidOCR's Latin, Greek, Chinese and Japanese model lacks."""


@dataclass(frozen=True, slots=True)
class RapidOcrSettings:
    """What trades time against text. The figures were chosen on scanned receipts, forms, charts, slides."""

    detect_pixels: int = 700_000
    """Area at which text lines are looked for; the search is most of the time on pages with little text."""
    detect_pixels_small: int = 1_700_000
    """Area of a second look at pages whose lines came out small."""
    small_line: float = 12.0
    """Median line height, in pixels of the first look, under which there is a second."""
    line_height: int = 48
    """Height of a line image; fixed by the model."""
    longest_line: int = 3_200
    """Width at which a line image is squeezed, in pixels."""
    least_confidence: float = 0.5
    """Lines whose characters are less sure on average are left out."""
    doubt: float = 0.8
    """Mean confidence of a page or a vertical line under which other directions are tried."""


class RapidOcr:
    """PP-OCR models from RapidOCR's own wheel on onnxruntime.

    RapidOCR finds the lines; cutting, recognising and ordering them is done here. That way lines are looked
    for in a small image and read from a large one, and each line is read at its own width: as RapidOCR
    pads lines to the widest of a batch, this halves the time and keeps more spaces between words.
    """

    pixels = 2_000

    def __init__(self, threads: int = 1, settings: RapidOcrSettings | None = None) -> None:
        self._settings = settings or RapidOcrSettings()
        models = _rapidocr_models()
        self.fingerprint = _digest("rapidocr", 1, self.pixels, self._settings, *(m.name for m in models))
        self._find = _Detector(models[0], threads)
        self._read = _Recogniser(models[1], threads, self._settings)

    def recognise(self, image: Pixels, enough: float | None = None) -> OcrPage:
        """See `OcrEngine`."""
        if min(image.shape[:2]) < SMALLEST_SIDE:
            return OcrPage("")
        page = _within(np.ascontiguousarray(image[:, :, ::-1]), self.pixels)
        quads = self._lines_on(page)
        if enough is not None:
            quads = _enough(quads, enough)
        turns = 1 if mostly_vertical(quads) else 0
        read = self._read_turned(page, quads, turns)
        if mean_confidence(read) < self._settings.doubt and self._better_upside_down(page, quads, turns):
            turns += 2
            read = self._read_turned(page, quads, turns)
        kept = [line for line in read if line.confidence >= self._settings.least_confidence and line.words]
        return compose_page(kept, page.shape[:2], turns)

    def _lines_on(self, page: Pixels) -> Points:
        """Quads (n, 4, 2) of the lines, from a second, closer look where the first shows small print."""
        quads, scale = self._find(page, self._settings.detect_pixels)
        if len(quads) and scale < 1 and np.median(sides(quads)[1]) * scale < self._settings.small_line:
            quads, _ = self._find(page, self._settings.detect_pixels_small)
        return quads

    def _read_turned(self, page: Pixels, quads: Points, turns: int) -> list[Line]:
        upright = np.ascontiguousarray(np.rot90(page, turns))
        return [self._read(upright, quad) for quad in turned(quads, turns, page.shape[:2])]

    def _better_upside_down(self, page: Pixels, quads: Points, turns: int) -> bool:
        """Whether the five longest lines read better the other way up."""
        longest = quads[np.argsort(-sides(quads).max(axis=0))[:5]]
        either = [mean_confidence(self._read_turned(page, longest, turns + flip)) for flip in (0, 2)]
        return bool(either[1] > either[0] + 0.05)


def _enough(quads: Points, length: float) -> Points:
    """The lines with most text, together `length` times as long as high; in their order."""
    shapes = sides(quads).max(axis=0) / sides(quads).min(axis=0)
    most = np.argsort(-shapes)
    begun_before = np.cumsum(shapes[most]) - shapes[most]
    return np.asarray(quads[np.sort(most[begun_before < length])])


class _Detector:
    """Finds text lines in a page image."""

    def __init__(self, model: Path, threads: int) -> None:
        from rapidocr import RapidOCR

        self._detect = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,
                "Global.use_rec": False,
                "Global.use_preprocess_img": False,
                "Global.use_vertical_padding": False,
                "Det.model_path": str(model),
                "Det.limit_type": "max",
                "Det.limit_side_len": 100_000,
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                "EngineConfig.onnxruntime.enable_cpu_mem_arena": False,
            }
        )

    def __call__(self, page: Pixels, area: int) -> tuple[Points, float]:
        """Quads (n, 4, 2) in pixels of the page, and the scale at which it was looked at."""
        import cv2

        height, width = page.shape[:2]
        scale = min(2.0, math.sqrt(area / (height * width)))
        size = _multiple_of_32(width * scale), _multiple_of_32(height * scale)
        small = cv2.resize(page, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        boxes = self._detect(small).boxes
        if boxes is None:
            return np.zeros((0, 4, 2), np.float32), scale
        back = np.array([width / size[0], height / size[1]], np.float32)
        return np.asarray(boxes, np.float32) * back, scale


class _Recogniser:
    """Reads one line at a time: on a CPU a batch is no faster, and needs padding."""

    def __init__(self, model: Path, threads: int, settings: RapidOcrSettings) -> None:
        self._session = _session(model, threads)
        self._input = self._session.get_inputs()[0].name
        alphabet = self._session.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._alphabet = ["", *alphabet, " "]
        self._settings = settings

    def __call__(self, page: Pixels, quad: Points) -> Line:
        """The line in `quad`; where it stands upright like an axis label, the surest of its directions."""
        width, height = sides(quad)
        turns = [0] if height < 1.5 * width else [0, 3, 1] if height < 2.5 * width else [3, 1]
        best = self._along(page, quad, turns[0])
        for turn in turns[1:]:
            if best.confidence >= self._settings.doubt:
                break
            best = max(best, self._along(page, quad, turn), key=lambda line: line.confidence)
        return best

    def _along(self, page: Pixels, quad: Points, turn: int) -> Line:
        """The line read in the direction that starts at corner `turn` of its quad."""
        quad = np.roll(quad, -turn, axis=0)
        line = _cut(page, quad, self._settings.line_height, self._settings.longest_line)
        batch = (line.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None]
        chances = self._session.run(None, {self._input: batch})[0][0]
        words, confidence = _decode(chances, self._alphabet)
        return Line(quad, words, confidence)


def _decode(
    chances: NDArray[np.float32], alphabet: Sequence[str]
) -> tuple[tuple[tuple[str, float, float], ...], float]:
    """Words with their extents along the line, 0 to 1, and the mean confidence.

    `chances` (columns, characters) are those of connectionist temporal classification: character 0 is the
    blank, and a character that goes on over several columns is one.
    """
    best = chances.argmax(axis=1)
    starts = np.flatnonzero((best != 0) & (np.diff(best, prepend=0) != 0))
    if not len(starts):
        return (), 0.0
    confidence = float(chances[starts, best[starts]].mean())
    edges = _edges(starts + 0.5, len(best)) / len(best)
    characters = [alphabet[index] for index in best[starts]]
    words = []
    for space, run in groupby(range(len(starts)), key=lambda i: characters[i].isspace()):
        if not space:
            span = list(run)
            words.append(
                ("".join(characters[i] for i in span), float(edges[span[0]]), float(edges[span[-1] + 1]))
            )
    return tuple(words), confidence


def _edges(centres: NDArray[Any], columns: int) -> NDArray[Any]:
    """The borders (n + 1,) between characters at `centres`, in columns: half way to the neighbour."""
    pitch = np.median(np.diff(centres)) if len(centres) > 1 else columns
    first, last = centres[0] - pitch / 2, centres[-1] + pitch / 2
    inner = (centres[1:] + centres[:-1]) / 2
    return np.asarray(np.clip(np.concatenate([[first], inner, [last]]), 0, columns))


def _cut(page: Pixels, quad: Points, height: int, longest: int) -> Pixels:
    """The quad as an upright line image of `height`, its width a multiple of 8."""
    import cv2

    wide, high = (float(side) for side in sides(quad))
    width = min(longest, max(8, math.ceil(height * wide / high / 8) * 8))
    shrink = max(1, int(high / height))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) * shrink
    cut = cv2.warpPerspective(
        page,
        cv2.getPerspectiveTransform(np.ascontiguousarray(quad), target),
        (width * shrink, height * shrink),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if shrink > 1:
        cut = cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cut, np.uint8)


def _session(model: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def _rapidocr_models() -> tuple[Path, Path]:
    """Detection and recognition model in RapidOCR's wheel."""
    spec = importlib.util.find_spec("rapidocr")
    folder = Path(spec.origin).parent / "models" if spec and spec.origin else Path("models")
    found = [sorted(folder.glob(f"*_{task}_*.onnx")) for task in ("det", "rec")]
    if not all(found):
        raise ModelUnavailable(
            "RapidOCR's models are not installed", hint="pip install --force-reinstall rapidocr"
        )
    return found[0][-1], found[1][-1]


def _rapidocr_reads(languages: str) -> bool:
    return not OTHER_SCRIPTS.intersection(languages.split("+"))


def _within(image: Pixels, longest: int) -> Pixels:
    """The image, made smaller where a side is longer than that."""
    import cv2

    scale = longest / max(image.shape[:2])
    if scale >= 1:
        return image
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _multiple_of_32(side: float) -> int:
    return max(32, round(side / 32) * 32)


def _digest(*parts: object) -> str:
    return f"{parts[0]}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:12]}"
