"""The garbage collector while tests are collected: what lives as long as the run is never looked through."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Nine thousand tests and all that they import are a million objects, each looked at again and again otherwise."""
    gc.disable()
    try:
        result = yield
    finally:
        gc.freeze()
        gc.enable()
    return result
