"""What a person may set of an action before a yes, within what its author allows. Pure; a model never sets anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settable:
    """One value. `default` counts where nobody sets it; `fits` says in words what may be set; `read` makes it of what
    somebody wrote, None where that does not fit."""

    default: int | str
    fits: str
    read: Callable[[object], int | str | None]


def values_set(settable: Mapping[str, Settable], said: Mapping[str, object]) -> dict[str, int | str]:
    """What was set, by name. ValueError, a sentence, where a name is none of these or a value does not fit."""
    values: dict[str, int | str] = {}
    for name, given in said.items():
        if name not in settable:
            raise ValueError(f"nobody may set {name[:60]!r} here; {_what_may_be(settable)}")
        if (value := settable[name].read(given)) is None:
            raise ValueError(f"{name} may not be {str(given)[:60]!r}; set it to {settable[name].fits}")
        values[name] = value
    return values


def _what_may_be(settable: Mapping[str, Settable]) -> str:
    each = "; ".join(f"{name}, {one.fits}" for name, one in settable.items())
    return f"a person may set {each}" if each else "a person sets nothing of this action"
