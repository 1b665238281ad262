"""Lets image processors import where torchvision was built for another torch than the one that is here.

A CPU build of torch beside torchvision's build for CUDA is common. Its compiled operators do not load then,
and its Python part, which is all that image processors use, stumbles over their absence.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
"""What torchvision describes to torch when it is imported, whether or not its operators were loaded."""


def mend_torchvision() -> None:
    """Imports torchvision where it is installed, without its compiled operators where these do not load.

    To be called before transformers or sentence_transformers are imported, which import it too. Does nothing
    where torchvision is not installed or works; an error of another kind is left for whoever imports it.
    """
    if "torchvision" in sys.modules or importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        if _has_operators():
            return
        operators = _declared()
        _forget()
        torchvision: Any = importlib.import_module("torchvision")
        torchvision.operators_of_docsearch = operators
    except ImportError:
        return


def _has_operators() -> bool:
    """Whether the compiled part was loaded, as torchvision itself found before it stumbled."""
    extension: Any = sys.modules.get("torchvision.extension")
    return extension is None or bool(extension._has_ops())


def _declared() -> Any:
    """The missing operators, without anything behind them; they are gone when this value is."""
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in OPERATORS:
        library.define(operator)
    return library


def _forget() -> None:
    """Drops what is left of the import that failed: a module without its parent is not set right again."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
