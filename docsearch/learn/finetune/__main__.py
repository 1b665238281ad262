"""`python -m docsearch.learn.finetune FOLDER`: works on the job in a folder until it is done or paused.

Runs behind everything else, never reaches out to the network, and may be killed at any moment.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event

from docsearch.errors import DocsearchError
from docsearch.learn.finetune.data import read_material
from docsearch.learn.job import Job, read_job
from docsearch.learn.process import PAUSE, RESULT, State, require_packages, running, say

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")
_NICENESS = 10


def main(arguments: Sequence[str]) -> int:
    """Returns 0 when the job is done, paused or in other hands, and an error's exit code otherwise."""
    folder = Path(arguments[0])
    os.umask(0o077)
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with running(folder) as ours:
        if not ours or (folder / RESULT).is_dir():
            return 0
        say(folder, State.RUNNING)
        try:
            done = _work(folder, stop)
        except DocsearchError as error:
            hint = f" ({error.hint})" if error.hint else ""
            say(folder, State.FAILED, f"{error.message}{hint}")
            return error.exit_code
        except Exception as error:
            traceback.print_exc()
            say(folder, State.FAILED, _reason(error))
            return 1
        say(folder, State.DONE if done else State.PAUSED)
        return 0


def _work(folder: Path, stop: Event) -> bool:
    job, given = read_job(folder), read_material(folder)
    require_packages()
    _prepare(job, folder)
    from docsearch.learn.finetune.run import train

    return train(job, given, folder, lambda: stop.is_set() or (folder / PAUSE).exists())


def _prepare(job: Job, folder: Path) -> None:
    """What must be said before the libraries are imported."""
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(_NICENESS)
    os.environ.update(dict.fromkeys(_OFFLINE, "1"))
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait leave the cores to others
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["HF_DATASETS_CACHE"] = str(folder / "cache")
    kind, _, number = job.device.partition(":")
    if kind in ("cuda", "auto"):
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", number or "0")  # one of them: it is the user's machine


def _reason(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    if "out of memory" in first.lower() or isinstance(error, MemoryError):
        return "out of memory: set a smaller mini batch, or fewer pixels for pages"
    return f"{type(error).__name__}: {first}"[:300]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
