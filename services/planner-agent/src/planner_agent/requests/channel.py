"""Hand-published messages on `requests` into the stream, once, however many planners listen.

What `mend request` or the observer published is in the stream already and is known by its id.
"""

from __future__ import annotations

import hashlib

from mesh_core.messaging.bridge import Bridge, Heard
from mesh_core.models.parsing import read_asked
from mesh_core.models.requests import Request
from mesh_core.models.strict_json import Refusal


class RequestChannel(Bridge):
    """The bridge for this channel: what it hears is a request or a reply to one, never an event."""

    channel, name = Request.channel, "requests"

    async def hear(self, heard: Heard) -> None:
        """One message from the channel. Raises BusDown."""
        digest = hashlib.sha256(heard.raw).hexdigest()
        moment = await self._bus.heard_at(digest, heard.hearing)
        asked = read_asked(heard.raw, int(moment))
        if isinstance(asked, Refusal):
            await self._refuse(heard.raw, digest, asked, moment)
        elif await self._bus.enter_request(asked, live=False):
            self.adopted += 1
            self._on_stream(Request.stream)
