"""What a fork does (forked.py). Imports nothing that takes time: each fork imports it anew."""

from __future__ import annotations

import gc
import os
import runpy
import sys
import time
from pathlib import Path


def run_as(module: str, words: tuple[str, ...], environ: dict[str, str], umask: int, *outputs: Path) -> None:
    """In the fork: as `python -m` with that environment. `outputs`: the files for its stdout and its stderr."""
    gc.freeze()  # or the first collection would copy all that is imported
    os.umask(umask)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    for number, path in enumerate(outputs, 1):
        with path.open("ab") as file:
            os.dup2(file.fileno(), number)
    if "PYTHONPATH" in environ:  # other modules than those that are imported here, or `--shake`
        os.environ["PYTHONPATH"] = os.pathsep.join([environ["PYTHONPATH"], *sys.path])
        os.execv(sys.executable, [sys.executable, "-m", module, *words])
    sys.argv[1:] = words
    sys.modules.pop(f"{module}.__main__", None)  # it is run, as by `python -m`, and not only imported
    runpy.run_module(module, run_name="__main__", alter_sys=True)
