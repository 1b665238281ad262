from __future__ import annotations

import pytest

from docsearch.answer.names import names


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The tenant is Anna Miller.", [("anna", "miller")]),
        ("Revenue rose in Germany and France.", [("germany", "france")]),
        ("Revenue rose.", []),
        ("Microsoft rose.", []),
        ("3M Company was sued by the FTC.", [("company",), ("ftc",)]),
        ("He joined IBM. Later he left for SAP.", [("ibm",), ("sap",)]),
        ("In January the Bank of England met.", [("bank", "england")]),
        ("AT&T and Johnson & Johnson", [("at&t", "johnson", "johnson")]),
    ],
)
def test_names_are_capitalised_spans(text: str, found: list[tuple[str, ...]]) -> None:
    assert names(text) == found
