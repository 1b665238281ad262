"""What a benchmark's main function looks like to a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Measure = Callable[..., dict[str, Any]]
"""Takes a main function and its arguments, gives the JSON object it prints."""
