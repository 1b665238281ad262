"""Draws pages from running text in many layouts, and spoils pictures of them as scanners and phones do."""

from __future__ import annotations

import html
import io
import random
from collections.abc import Sequence

import pymupdf
from PIL import Image, ImageEnhance, ImageFilter

PAGE_SIZES = ((595, 842), (612, 792), (612, 1008), (842, 595), (960, 540), (420, 595), (300, 700))
FONTS = ("sans-serif", "serif", "monospace")
COLOURS = ("#000", "#222", "#1a3c6e", "#7a1f1f", "#0b5d3b", "#c05000", "#5b2a86", "#888")
PIXELS = 448


def draw_page(texts: Sequence[str], rng: random.Random) -> Image.Image:
    """A page with headings, paragraphs, tables, boxes and bars laid out at random."""
    width, height = rng.choice(PAGE_SIZES)
    with pymupdf.open() as document:
        page = document.new_page(width=width, height=height)
        if rng.random() < 0.2:
            page.draw_rect(page.rect, fill=_tint(rng, 0.75), color=None)
        for _ in range(rng.choice((0, 0, 0, 1, 2))):
            _draw_figure(page, rng)
        for column in _columns(page.rect, rng):
            page.insert_htmlbox(column, _body(texts, rng), css=_style(rng), scale_low=0.4)
        return _render(page, PIXELS / max(width, height) * rng.uniform(1, 2.2))


def spoil(picture: Image.Image, rng: random.Random) -> Image.Image:
    """The picture turned a little, cropped, blurred, faded and compressed, each by chance."""
    if rng.random() < 0.6:
        angle = rng.uniform(-3, 3)
        picture = picture.rotate(
            angle, Image.Resampling.BILINEAR, expand=rng.random() < 0.3, fillcolor="white"
        )
    if rng.random() < 0.6:
        picture = _crop(picture, rng)
    if rng.random() < 0.4:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5)))
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        if rng.random() < 0.3:
            picture = enhance(picture).enhance(rng.uniform(0.7, 1.2))
    scale = rng.uniform(0.4, 1.0)
    size = (max(32, int(picture.width * scale)), max(32, int(picture.height * scale)))
    return _compress(picture.resize(size, Image.Resampling.BILINEAR), rng.randint(30, 90))


def _columns(page: pymupdf.Rect, rng: random.Random) -> list[pymupdf.Rect]:
    margin = rng.uniform(0.03, 0.14) * page.width
    top, bottom = (rng.uniform(0.03, 0.35) * page.height for _ in range(2))
    count = rng.choice((1, 1, 1, 2, 2, 3))
    step = (page.width - 2 * margin) / count
    lefts = [margin + i * step for i in range(count)]
    return [pymupdf.Rect(x, top, x + step - 8, page.height - bottom * rng.random()) for x in lefts]


def _body(texts: Sequence[str], rng: random.Random) -> str:
    parts = []
    for paragraph in rng.choice(texts).split("\n")[: rng.randint(2, 25)]:
        text = html.escape(paragraph.lstrip("# ")[: rng.randint(40, 900)])
        kind = rng.random()
        if paragraph.startswith("#") or kind < 0.1:
            parts.append(f"<h2>{text[:80]}</h2>")
        elif kind < 0.25:
            parts.append(_table(text.split(), rng))
        elif kind < 0.35:
            parts.append("<ul>" + "".join(f"<li>{item}</li>" for item in text.split(".")[:8]) + "</ul>")
        else:
            parts.append(f"<p>{text}</p>")
    return "".join(parts)


def _table(words: list[str], rng: random.Random) -> str:
    columns = rng.randint(2, 6)
    rows = [words[i : i + columns] for i in range(0, min(len(words), 12 * columns), columns)]
    cells = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table style="width:100%">{cells}</table>'


def _style(rng: random.Random) -> str:
    border = rng.choice(("none", "none", "1px solid #999"))
    return (
        f"* {{font-family: {rng.choice(FONTS)}; font-size: {rng.uniform(6, 15):.1f}px; "
        f"line-height: {rng.uniform(1.0, 1.7):.2f}; text-align: {rng.choice(('left', 'justify', 'center'))}}}"
        f"h1, h2, h3 {{font-size: {rng.uniform(13, 34):.0f}px; color: {rng.choice(COLOURS)}}}"
        f"td {{border: {border}}} p {{margin: {rng.randint(0, 14)}px 0}}"
    )


def _draw_figure(page: pymupdf.Page, rng: random.Random) -> None:
    """A coloured box, or a chart of bars."""
    width, height = page.rect.width, page.rect.height
    x, y = rng.uniform(0, 0.7) * width, rng.uniform(0, 0.8) * height
    box = pymupdf.Rect(x, y, x + rng.uniform(0.1, 0.6) * width, y + rng.uniform(0.05, 0.4) * height)
    if rng.random() < 0.5:
        page.draw_rect(box, fill=_tint(rng, 0.0), color=None)
        return
    bars = rng.randint(3, 12)
    step = box.width / bars
    for i in range(bars):
        top = box.y1 - rng.random() * box.height
        bar = pymupdf.Rect(box.x0 + i * step, top, box.x0 + (i + 0.7) * step, box.y1 + 1)
        page.draw_rect(bar, fill=_tint(rng, 0.0), color=None)


def _tint(rng: random.Random, low: float) -> tuple[float, float, float]:
    return rng.uniform(low, 1), rng.uniform(low, 1), rng.uniform(low, 1)


def _render(page: pymupdf.Page, zoom: float) -> Image.Image:
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), alpha=False)
    return Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)


def _crop(picture: Image.Image, rng: random.Random) -> Image.Image:
    width, height = (round(side * rng.uniform(0.7, 1.0)) for side in picture.size)
    x, y = rng.randint(0, picture.width - width), rng.randint(0, picture.height - height)
    return picture.crop((x, y, x + width, y + height))


def _compress(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")
