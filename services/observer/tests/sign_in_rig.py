"""Signing in at an observer that runs, by a one-time link, as `mend page` and a browser do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx

from mesh_core.security.sign_in_links import make_link


@dataclass(frozen=True)
class SignedIn:
    """`headers` are for whatever asks from now on, changes included."""

    cookie: str
    csrf: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": f"mend_session={self.cookie}", "X-CSRF-Token": self.csrf}


def sign_in(url: str, runtime: Path) -> SignedIn:
    """`url` without a path."""
    answer = httpx.post(f"{url}/api/v1/login", json={"link": make_link(runtime)}, timeout=60, trust_env=False)
    assert answer.status_code == 200, answer.text
    return SignedIn(answer.cookies["mend_session"], answer.json()["csrf"])
