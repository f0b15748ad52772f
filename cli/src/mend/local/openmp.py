"""The OpenMP runtime that llama.cpp wants, on a machine that has none. Never replaces the machine's own.

The xllamacpp wheel leaves libgomp to the system, and a bare Debian or Ubuntu has no libgomp1. A wheel that brings its
own copy (treelite, 0.9 MB, see requirements-model.in) lies in the same environment; the loader only takes it under its
real name and from its search path, which is read once, when a process starts.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

LIBRARY = "libgomp.so.1"


def openmp_environment(environment: Mapping[str, str], folder: Path) -> dict[str, str] | None:
    """`environment` with the bundled library on the loader's path; None when there is no copy, or it is there already.

    `folder` gets one link, `libgomp.so.1`. OSError when it cannot be written.
    """
    copy = _bundled_copy()
    path = environment.get("LD_LIBRARY_PATH", "")
    if copy is None or str(folder) in path.split(":"):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / LIBRARY
    if link.resolve() != copy:
        link.unlink(missing_ok=True)
        link.symlink_to(copy)
    return {**environment, "LD_LIBRARY_PATH": f"{folder}:{path}" if path else str(folder)}


def _bundled_copy() -> Path | None:
    spec = importlib.util.find_spec("treelite")
    for package in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted(Path(package).parent.joinpath("treelite.libs").glob("libgomp-*.so*")):
            return file.resolve()
    return None
