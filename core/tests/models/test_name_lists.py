"""Several names in one sentence."""

from __future__ import annotations

import pytest

from mesh_core.models.name_lists import first_of


@pytest.mark.parametrize(("names", "said"), [("", ""), ("a", "a"), ("abc", "a, b, c"), ("abcd", "a, b, c and 1 more")])
def test_what_is_left_out_is_counted(names: str, said: str) -> None:
    assert first_of([*names], 3) == said
