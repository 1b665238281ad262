"""A handful of sample documents, made on the spot, for trying the program without one's own files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_LEASE = (
    "Lease agreement\n\nBetween Harbour Properties Ltd (the landlord) and Maria Okafor (the tenant).\n"
    "The flat at 14 Quay Street is let from 1 March 2025 for two years. The rent is 1,150 euros a month, "
    "due on the third working day.",
    "Deposit and termination\n\nThe tenant pays a security deposit of 2,300 euros. Either side may end the "
    "lease with three months' notice in writing. Pets need the landlord's consent.",
)
_REPORT = (
    "Annual report 2024\nNorthwind Bicycles\n\nA good year: 48,200 bicycles sold, eleven per cent more than "
    "in 2023.",
    "Revenue by region\n\nEurope 21.4 million, North America 13.9 million, Asia 6.2 million. Electric "
    "bicycles brought 58 per cent of revenue for the first time.",
    "Risks\n\nThe price of lithium cells and the exchange rate of the yen remain the largest uncertainties. "
    "Capital expenditure for the new paint shop is planned at 3.1 million in 2025.",
)
_INVOICE = (
    "Rechnung 2025-0117\n\nMüller & Söhne Möbelwerkstatt, Gartenstraße 8, Köln\n\nBücherregal aus Eiche, "
    "Maßanfertigung: 1.480 Euro. Zahlbar innerhalb von 14 Tagen.",
)
_LETTER = (
    "Dr. Helen Ashworth, Ophthalmologist\n\n12 June 2025\n\nDear Mr Lindqvist,\n\nthe examination showed no "
    "sign of glaucoma.\nThe pressure in both eyes is normal.\nPlease come back for a check-up in two years.",
)


def make_samples(folder: Path) -> Path:
    """Writes the samples into `folder` (made when missing) and returns it: reports, an invoice, a scan."""
    from docsearch.ingest.pdf import write_pdf

    folder.mkdir(parents=True, exist_ok=True)
    write_pdf(folder / "lease.pdf", "Lease agreement, 14 Quay Street", _LEASE)
    write_pdf(folder / "northwind-2024.pdf", "Northwind Bicycles: annual report 2024", _REPORT)
    write_pdf(folder / "rechnung-0117.pdf", "Rechnung Müller & Söhne", _INVOICE)
    _write_scan(folder / "letter-from-the-eye-doctor.png", _LETTER)
    (folder / "notes.md").write_text(
        "# Notes\n\nThe spare key is with the neighbours. 郵便局は駅の北口にあります。\n", encoding="utf-8"
    )
    return folder


def _write_scan(path: Path, pages: Sequence[str]) -> None:
    """A picture of a page, as a scanner makes it: no text in the file."""
    from tempfile import TemporaryDirectory

    from PIL import Image

    from docsearch.ingest.document import open_document
    from docsearch.ingest.pdf import write_pdf

    with TemporaryDirectory() as folder:
        printed = Path(folder) / "printed.pdf"
        write_pdf(printed, "", pages)
        with open_document(printed) as document:
            page = Image.fromarray(document.render(1, 1600))
    page.convert("L").rotate(0.7, fillcolor=255).save(path)
