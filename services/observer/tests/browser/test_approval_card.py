"""The picture of the README: what a person reads before a yes. MENDMESH_DOCS=1 writes it into docs/."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from browser_rig import Mesh
from playwright.sync_api import Page, expect

Visit = Callable[..., Page]

PICTURE = Path("docs/images/approval-card.png")
CHECKOUT = Path(__file__).parents[4]
LARGEST_BYTES = 150_000
SHOWN = (
    "container restart on web01/shop",
    "risk low",
    "A model's words:",
    "Occurrences",
    "Model",
    "Confidence",
    "70 %",
)


def test_the_card_shows_what_a_person_decides_by_and_its_picture_is_kept(
    visit: Visit, mesh: Mesh, tmp_path: Path
) -> None:
    name = mesh.propose("web01", "shop")
    mesh.start()
    page = visit(f"#/proposals/{name.id}")
    page.set_viewport_size({"width": 1100, "height": 900})
    card = page.get_by_label("Proposal", exact=True)
    for words in SHOWN:
        expect(card).to_contain_text(words)
    for answer in ("Approve…", "Reject…", "Edit", "Snooze"):
        expect(card.get_by_role("button", name=answer)).to_be_visible()
    expect(card.get_by_label("The playbook")).to_contain_text("restart: true")
    made = tmp_path / PICTURE.name
    page.screenshot(path=made, animations="disabled")
    kept = CHECKOUT / PICTURE
    if os.environ.get("MENDMESH_DOCS"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(made.read_bytes())
    for picture in (made, kept):
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < LARGEST_BYTES
