"""The garbage collector: what lives as long as the run is never looked through, and what a test makes less often."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

YOUNG = 10_000  # objects between two looks at them; with Python's 700 they take a tenth of what tests compute


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Nine thousand tests and all that they import are a million objects, each looked at again and again otherwise."""
    gc.disable()
    try:
        result = yield
    finally:
        gc.freeze()
        gc.set_threshold(YOUNG)
        gc.enable()
    return result
