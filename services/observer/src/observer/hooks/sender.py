"""What the mesh has to know of a system that posts alerts: its name, how its body is read. One of each in senders/."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from observer.hooks.alert import Read, Unfit

Reader = Callable[[Any], list[Read] | Unfit]


@dataclass(frozen=True)
class HookSender:
    """`name` is the path below /hooks, the key in hooks.yml and the metrics' word; `about` is for the API's pages.

    `alerts_in` reads one JSON object, and with `any_shape` a list at the top or a form's fields as well; it is pure and
    believes nothing.
    """

    name: str
    about: str
    alerts_in: Reader
    any_shape: bool = False
