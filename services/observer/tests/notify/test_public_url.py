"""OBSERVER_PUBLIC_URL goes into messages: an address of a page and nothing more, and the page answers to that name."""

from __future__ import annotations

import pytest

from mesh_core.runtime.settings import BadSettings, read_settings
from observer.settings import ObserverSettings


@pytest.mark.parametrize(
    "url",
    ["mesh.example.org", "ftp://mesh.example.org", "https://ann:pw@mesh.example.org", "https://", "https://x/?q=1"],
)
def test_what_is_no_address_of_a_page_is_refused_by_name(url: str) -> None:
    with pytest.raises(BadSettings, match="OBSERVER_PUBLIC_URL"):
        read_settings(ObserverSettings, {"OBSERVER_PUBLIC_URL": url})


def test_the_page_answers_to_the_name_in_it() -> None:
    settings = read_settings(ObserverSettings, {"OBSERVER_PUBLIC_URL": "https://mesh.example.org:8443/mend/"})
    assert settings.public_host == "mesh.example.org"
    assert read_settings(ObserverSettings, {}).public_host == ""
