"""Recognises the text of a page image with the Tesseract program, where it is installed.

Knows pixels, and the program's table of words. Starts one process a page.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from docsearch.errors import SettingsError, UnreadableDocument
from docsearch.records import Box, FailureKind, OcrPage, Word

Pixels = NDArray[np.uint8]
SMALLEST_SIDE = 8
"""Images with a shorter side, in pixels, hold no readable text."""


class TesseractOcr:
    """The Tesseract program, where it is installed with the data of the languages asked for.

    Raises SettingsError when the program or a language's data is missing, and UnreadableDocument when the
    program fails or takes too long on a page.
    """

    pixels = 2_400

    def __init__(self, languages: str = "eng", threads: int = 1, page_seconds: float = 120.0) -> None:
        self._program = _program_path()
        installed = _languages(self._program)
        if missing := set(languages.split("+")) - installed:
            raise SettingsError(
                f"Tesseract has no data for: {', '.join(sorted(missing))}",
                hint=f"it has {', '.join(sorted(installed))}; more come as packages like tesseract-ocr-deu",
            )
        layout = "1" if "osd" in installed else "3"
        self._arguments = ["-l", languages, "--psm", layout, "tsv"]
        self._environment = {**os.environ, "OMP_THREAD_LIMIT": str(threads)}
        self._page_seconds = page_seconds
        shaping = (1, self.pixels, _version(self._program), self._arguments)
        self.fingerprint = f"tesseract-{hashlib.sha256(repr(shaping).encode()).hexdigest()[:12]}"

    def recognise(self, image: Pixels, enough: float | None = None) -> OcrPage:  # noqa: ARG002
        """See `OcrEngine`; all lines are read."""
        if min(image.shape[:2]) < SMALLEST_SIDE:
            return OcrPage("")
        page = Image.fromarray(image)
        page.thumbnail((self.pixels, self.pixels))
        output = self._run(f"P6 {page.width} {page.height} 255\n".encode() + page.tobytes())
        return _page(output, page.width, page.height)

    def _run(self, picture: bytes) -> str:
        command = [self._program, "stdin", "stdout", *self._arguments]
        try:
            done = subprocess.run(
                command, input=picture, capture_output=True, env=self._environment, timeout=self._page_seconds
            )
        except subprocess.TimeoutExpired as error:
            raise UnreadableDocument(FailureKind.TIMED_OUT, "Tesseract took too long on a page") from error
        if done.returncode:
            raise UnreadableDocument(FailureKind.CRASHED, f"Tesseract ended with {done.returncode}")
        return done.stdout.decode(errors="replace")


def _page(table: str, width: int, height: int) -> OcrPage:
    """The page in Tesseract's table of words: tab-separated, one row a word, numbered by block and line."""
    rows = [row for row in _rows(table) if row["text"] and row["text"].strip()]
    lines = groupby(rows, key=lambda row: [row[key] for key in ("block_num", "par_num", "line_num")])
    text = "\n".join(" ".join(row["text"] for row in line) for _, line in lines)
    return OcrPage(text, tuple(_word(row, width, height) for row in rows))


def _rows(table: str) -> Iterator[dict[str, str]]:
    return csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE)


def _word(row: dict[str, str], width: int, height: int) -> Word:
    left, top, wide, high = (int(row[key]) for key in ("left", "top", "width", "height"))
    return Word(row["text"], Box(left / width, top / height, (left + wide) / width, (top + high) / height))


def tesseract_reads(languages: str) -> bool:
    """Whether Tesseract is installed with the data of all these languages."""
    program = shutil.which("tesseract")
    return program is not None and set(languages.split("+")) <= _languages(program)


def _program_path() -> str:
    program = shutil.which("tesseract")
    if program is None:
        raise SettingsError("Tesseract is not installed", hint="install it, or use the OCR engine rapidocr")
    return program


def _languages(program: str) -> set[str]:
    """Codes of the languages whose data Tesseract finds."""
    listed = subprocess.run([program, "--list-langs"], capture_output=True, text=True, timeout=30)
    return set(listed.stdout.splitlines()[1:])


def _version(program: str) -> str:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30)
    return (told.stdout or told.stderr).partition("\n")[0]
