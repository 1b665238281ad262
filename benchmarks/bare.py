"""Reads the text layers of a folder with PyMuPDF and does nothing with them: how fast text could be had.

Run as `python -m benchmarks.bare FOLDER PROCESSES`; prints the number of pages.
"""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path


def main(folder: Path, processes: int) -> None:
    files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda p: -p.stat().st_size)
    with multiprocessing.get_context("spawn").Pool(processes, _be_quiet) as pool:
        print(sum(pool.imap_unordered(read, map(str, files))))


def read(path: str) -> int:
    """Pages whose text was read; what cannot be read counts nothing."""
    import pymupdf

    try:
        with pymupdf.open(path) as document:
            return sum(isinstance(page.get_text(), str) for page in document)
    except (RuntimeError, ValueError):
        return 0


def _be_quiet() -> None:
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
