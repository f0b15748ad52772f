"""What others would take along is hidden from them while they are imported, and only then."""

from __future__ import annotations

import sys

import pytest

from mesh_core.runtime.hidden_modules import hidden


def test_who_imports_it_meanwhile_finds_it_missing_and_afterwards_it_is_as_it_was() -> None:
    import json
    import json.decoder

    sys.modules.pop("colorsys", None)
    with hidden("json", "colorsys"):
        with pytest.raises(ImportError):
            import json.decoder
        with pytest.raises(ImportError):
            import colorsys
    import colorsys

    assert sys.modules["json"] is json
    assert sys.modules["colorsys"] is colorsys


def test_an_error_meanwhile_hides_nothing_for_ever() -> None:
    with pytest.raises(KeyError), hidden("json"):
        raise KeyError("x")
    import json

    assert json.loads("1") == 1
