from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from docsearch.errors import SettingsError
from docsearch.ingest.ocr import RapidOcr, RapidOcrSettings, make_ocr
from docsearch.ingest.tesseract import TesseractOcr
from docsearch.records import OcrPage, Word

Lines = list[tuple[int, int, str]]
LETTER: Lines = [
    (60, 50, "Invoice number 48213"),
    (60, 120, "Delivered to the harbour warehouse"),
    (60, 190, "Total amount due 915.40"),
]


def page(lines: Lines, width: int = 800, height: int = 300, size: int = 30) -> np.ndarray:
    picture = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
    for x, y, text in lines:
        draw.text((x, y), text, "black", font)
    return np.asarray(picture)


def ink(image: np.ndarray, word: Word) -> float:
    """Share of the image's dark pixels that lies in the word's box."""
    height, width = image.shape[:2]
    box = word.box
    part = image[
        round(box.y0 * height) : round(box.y1 * height), round(box.x0 * width) : round(box.x1 * width)
    ]
    return float((part < 128).sum() / (image < 128).sum())


@pytest.fixture(scope="module")
def rapid() -> RapidOcr:
    return RapidOcr(settings=RapidOcrSettings(detect_pixels=240_000))


@pytest.fixture(scope="module")
def letter(rapid: RapidOcr) -> OcrPage:
    return rapid.recognise(page(LETTER))


def test_reads_lines_with_their_spaces(letter: OcrPage) -> None:
    assert letter.text.splitlines() == [text for _, _, text in LETTER]
    assert [word.text for word in letter.words] == letter.text.split()


@pytest.mark.parametrize("text", ["48213", "harbour", "Total"])
def test_boxes_hold_the_ink_of_their_words(letter: OcrPage, text: str) -> None:
    word = next(word for word in letter.words if word.text == text)
    x, y, line = next(line for line in LETTER if text in line[2])
    font = ImageFont.load_default(30)
    start = x + font.getlength(line[: line.index(text)])
    end = start + font.getlength(text)
    assert word.box.x0 * 800 == pytest.approx(start, abs=8)
    assert word.box.x1 * 800 == pytest.approx(end, abs=8)
    assert word.box.y0 * 300 < y + 15 < word.box.y1 * 300
    assert ink(page(LETTER), word) == pytest.approx(ink_alone(text, x, y, line), rel=0.15)


def ink_alone(text: str, x: int, y: int, line: str) -> float:
    """Share of the letter's dark pixels that belong to this word."""
    start = x + ImageFont.load_default(30).getlength(line[: line.index(text)])
    return float((page([(round(start), y, text)]) < 128).sum() / (page(LETTER) < 128).sum())


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_reads_pages_that_were_scanned_turned(rapid: RapidOcr, letter: OcrPage, quarters: int) -> None:
    image = np.rot90(page(LETTER), quarters)
    read = rapid.recognise(image)
    assert read.text == letter.text
    harbour = next(word for word in read.words if word.text == "harbour")
    before = next(word for word in letter.words if word.text == "harbour")
    assert ink(image, harbour) == pytest.approx(ink(page(LETTER), before), rel=0.15)


@pytest.mark.parametrize(
    "image",
    [
        np.full((400, 300, 3), 255, np.uint8),
        np.zeros((400, 300, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.full((8, 3000, 3), 255, np.uint8),
        np.full((5000, 9, 3), 200, np.uint8),
        np.full((6000, 5000, 3), 255, np.uint8),
    ],
    ids=lambda image: "x".join(map(str, image.shape)),
)
def test_a_page_without_text_gives_none(rapid: RapidOcr, image: np.ndarray) -> None:
    assert rapid.recognise(image) == OcrPage("")


def test_small_print_gets_a_second_look() -> None:
    lines = [(30 + 300 * (row % 2), 20 + 20 * row, f"clause {row} of this contract") for row in range(20)]
    image = page(lines, 700, 440, 15)
    coarse = RapidOcrSettings(detect_pixels=26_000, detect_pixels_small=300_000)
    without = RapidOcrSettings(detect_pixels=26_000, small_line=0)
    counts = [RapidOcr(settings=s).recognise(image).text.split().count("clause") for s in (coarse, without)]
    assert counts[0] >= 18 > counts[1]


def test_a_picture_of_letters_makes_no_connection(monkeypatch: pytest.MonkeyPatch, letter: OcrPage) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("OCR reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert RapidOcr().recognise(page(LETTER)).text == letter.text


def test_the_fingerprint_tells_settings_apart_and_nothing_else(rapid: RapidOcr) -> None:
    assert RapidOcr(threads=2).fingerprint == RapidOcr().fingerprint != rapid.fingerprint


def test_unknown_engines_are_named() -> None:
    with pytest.raises(SettingsError, match="finereader"):
        make_ocr("finereader", "eng", 1)


# A stand-in for the program, as machines without Tesseract must test the reading of its tables too.
PROGRAM = """#!/bin/sh
case "$1" in
--list-langs) printf 'List of available languages:\\neng\\nrus\\n' ;;
--version) echo 'tesseract 5.3.0' ;;
*) {page} ;;
esac
"""
TABLE = (
    "level\\tpage_num\\tblock_num\\tpar_num\\tline_num\\tword_num\\tleft\\ttop\\twidth\\theight\\tconf\\ttext\\n"
    "4\\t1\\t1\\t1\\t1\\t0\\t80\\t30\\t160\\t30\\t-1\\t\\n"
    "5\\t1\\t1\\t1\\t1\\t1\\t80\\t30\\t40\\t30\\t96\\tgrain\\n"
    '5\\t1\\t1\\t1\\t1\\t2\\t160\\t30\\t80\\t30\\t95\\t"store\\n'
    "5\\t1\\t1\\t1\\t2\\t1\\t80\\t90\\t80\\t30\\t94\\tfull\\n"
)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts an executable stand-in for Tesseract first on the search path."""
    path = tmp_path / "tesseract"
    path.write_text(PROGRAM.format(page=f"cat >/dev/null; printf '{TABLE}'"))
    path.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return path


def test_tesseract_tables_become_lines_and_word_boxes(program: Path) -> None:
    read = make_ocr("tesseract", "eng", 1).recognise(page([], 400, 300))
    assert read.text == 'grain "store\nfull'
    assert [(word.text, word.box.x0, word.box.y1) for word in read.words] == [
        ("grain", 0.2, 0.2),
        ('"store', 0.4, 0.2),
        ("full", 0.2, 0.4),
    ]


def test_auto_takes_tesseract_for_scripts_rapidocr_cannot_read(program: Path) -> None:
    assert isinstance(make_ocr("auto", "eng", 1), RapidOcr)
    assert isinstance(make_ocr("auto", "rus+eng", 1), TesseractOcr)
    assert isinstance(make_ocr("auto", "rus+ara", 1), RapidOcr)


def test_missing_tesseract_data_is_named(program: Path) -> None:
    with pytest.raises(SettingsError, match="no data for: deu") as caught:
        make_ocr("tesseract", "eng+deu", 1)
    assert "tesseract-ocr-deu" in caught.value.hint


def test_missing_tesseract_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="not installed"):
        make_ocr("tesseract", "eng", 1)


def test_for_a_glance_the_longest_lines_are_enough(rapid: RapidOcr) -> None:
    image = page(LETTER)
    every, some = rapid.recognise(image).text, rapid.recognise(image, 20).text
    assert 0 < len(some) < len(every)
    assert set(some.splitlines()) <= set(every.splitlines())
    assert max(every.splitlines(), key=len) in some.splitlines()
