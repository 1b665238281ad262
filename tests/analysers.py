"""Functions for reader processes to run on each page: some answer, some never do."""

from __future__ import annotations

import os
import signal


def words_and_pid(text: str) -> tuple[int, int]:
    """How many words the text has, and which process counted them."""
    return len(text.split()), os.getpid()


def misbehave(text: str) -> str:
    """Do what the page says: 'hang', 'crash', 'swell' or 'raise'; else return its first word."""
    if "hang" in text:
        while True:
            pass
    if "crash" in text:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "swell" in text:
        bytearray(1 << 40)
    if "raise" in text:
        raise KeyError("unforeseen")
    return text.split()[0] if text.split() else ""


def pid_or_hang(text: str) -> int:
    """The number of this process, or nothing ever for a page that says 'hang'."""
    while "hang" in text:
        pass
    return os.getpid()
