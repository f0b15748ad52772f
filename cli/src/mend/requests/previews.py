"""What a request would change on each of its hosts: all asked at once, and told as the answers come. Only prints."""

from __future__ import annotations

import time
from typing import Any

from mend.context import CliContext
from mend.errors import DONE, FAILED
from mend.output.text import plain
from mend.requests.client import RequestClient
from mend.views.previews import is_good, line_of, preview_row, say_preview
from mesh_core.approvals.previews import FoundPreview

LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 150.0

Previews = dict[str, dict[str, Any] | None]


def preview_request(
    cli: CliContext, client: RequestClient, own_id: str, seconds: float, *, quiet: bool
) -> tuple[int, Previews]:
    """(0 if every host answered and nothing would change that its card does not say, the answers by host)."""
    asked = client.ask_previews(own_id)
    deadline, answers, status = time.monotonic() + seconds, Previews(), DONE
    for one in asked:
        found = None if one["problem"] else _answered(client, one["action_id"], one["preview"], deadline)
        answers[one["host"]] = preview_row(found, holds=True)
        if not quiet:
            _say(cli, one, found)
        if not is_good(found):
            status = FAILED
    return status, answers


def _answered(client: RequestClient, action_id: str, preview_id: str, deadline: float) -> FoundPreview | None:
    """That preview, with its answer if one came in time."""
    while True:
        found = client.preview(action_id)
        if found and found.id == preview_id and not found.works:
            return found
        if time.monotonic() >= deadline:
            return found
        time.sleep(LOOK_SECONDS)


def _say(cli: CliContext, asked: dict[str, Any], found: FoundPreview | None) -> None:
    cli.say(f"what would change on {plain(asked['host'], 128)}:", "bold")
    if found is None:
        cli.say(f"  {plain(asked['problem'], 600) or 'nobody knows it'}", "yellow")
    elif found.said is None:
        cli.say(f"  {line_of(found, holds=True)}; mend status tells whether the executor runs", "yellow")
    else:
        say_preview(cli, found.said)
