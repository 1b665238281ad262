"""Imports LanceDB without the clients of its network service, which take longer than all the rest of it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_CLIENTS = frozenset({"lance_namespace", "lance_namespace_urllib3_client"})


def load_lancedb() -> Any:
    """The module `lancedb`. The first call takes a second; others may run beside it in a thread.

    Its classes for calling a service over the network are empty; tables in a folder use none of them.
    """
    if "lancedb" not in sys.modules:
        os.environ.setdefault("LANCEDB_LOG", "error")
        finder = _NoClient()
        sys.meta_path.insert(0, finder)
        try:
            return importlib.import_module("lancedb")
        finally:
            sys.meta_path.remove(finder)
    return importlib.import_module("lancedb")


class _NoClient(MetaPathFinder):
    """Finds an empty module for each of the clients'."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        is_client = fullname.partition(".")[0] in _CLIENTS
        return ModuleSpec(fullname, _Empty(), is_package=True) if is_client else None


class _Empty(Loader):
    """Makes modules in which every class there should be is empty."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _EmptyModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:  # noqa: ARG002
        return None


class _EmptyModule(ModuleType):
    def __getattr__(self, name: str) -> type:
        if name.startswith("_"):
            raise AttributeError(name)
        made = type(name, (), {})
        setattr(self, name, made)
        return made
