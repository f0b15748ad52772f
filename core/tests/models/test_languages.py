"""Which languages somebody reads, by the header of a browser and by a locale."""

from __future__ import annotations

import pytest

from mesh_core.models.languages import languages_in


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ("pl-PL,pl;q=0.9,en-US;q=0.8", ("pl", "en")),
        ("pl_PL.UTF-8", ("pl",)),
        ("ko", ("ko",)),
        ("KO-kr, *;q=0.5", ("ko",)),
        *((said, ()) for said in ("", "C", "C.UTF-8", "POSIX", "*", ",,,", "x" * 100_000)),
    ],
)
def test_the_codes_stand_in_the_order_in_which_they_were_said(said: str, codes: tuple[str, ...]) -> None:
    assert languages_in(said) == codes
