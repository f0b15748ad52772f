"""llama.cpp on a machine without libgomp: the environment that the model server starts itself again with."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from parts.require import missing

from mend.local.openmp import LIBRARY, openmp_environment


def test_a_process_started_so_can_load_the_library_by_its_name(tmp_path: Path) -> None:
    environment = openmp_environment({"PATH": os.environ["PATH"]}, tmp_path)
    if environment is None:
        missing("treelite's copy of libgomp", "make env, on Linux x86_64 or aarch64")
    code = f"import ctypes; ctypes.CDLL({LIBRARY!r}); print(open('/proc/self/maps').read())"
    maps = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "treelite.libs/libgomp" in maps.stdout


def test_a_second_start_changes_nothing_more(tmp_path: Path) -> None:
    assert openmp_environment({"LD_LIBRARY_PATH": f"/opt/lib:{tmp_path}"}, tmp_path) is None


def test_a_search_path_that_is_there_stays(tmp_path: Path) -> None:
    environment = openmp_environment({"LD_LIBRARY_PATH": "/opt/lib"}, tmp_path)
    if environment is None:
        missing("treelite's copy of libgomp", "make env, on Linux x86_64 or aarch64")
    assert environment["LD_LIBRARY_PATH"] == f"{tmp_path}:/opt/lib"
    assert ctypes.CDLL(str(tmp_path / LIBRARY))
