"""A test that needs a tool says so here: it skips with the tool's name, or fails where real parts are insisted on.

Never installs anything. MEND_REQUIRE_REAL=1 (set by CI) turns every such skip into a failure.
"""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def require(tool: str, how: str) -> str:
    """The path of an executable on PATH (or in sbin, which a plain user's PATH may lack); otherwise `missing`."""
    found = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin:/usr/local/sbin")
    if found is None:
        missing(tool, how)
    return found


def missing(tool: str, how: str) -> NoReturn:
    """End the test with one sentence: what is missing, and the command that brings it."""
    sentence = f"needs {tool}, which this machine lacks; to get it: {how}"
    if os.environ.get("MEND_REQUIRE_REAL") == "1":
        pytest.fail(f"{sentence} (MEND_REQUIRE_REAL=1)", pytrace=False)
    pytest.skip(sentence)
