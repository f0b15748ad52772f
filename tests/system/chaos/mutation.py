"""How a deliberate break is made: a method of the product is replaced in this process. Which ones: mutated.py."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

MUTANTS: dict[str, tuple[tuple[str, ...], Callable[[], None]]] = {}


class Stale(Exception):
    """The product has no such thing any more."""


def mutant(*modules: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """`modules`: the services that are broken by it; the others run as they are."""

    def register(function: Callable[[], None]) -> Callable[[], None]:
        MUTANTS[function.__name__] = (modules, function)
        return function

    return register


def replace(where: str, make: Callable[[Any], Any]) -> None:
    """`package.module.Class.method` or `package.module.function` becomes what `make` makes of it."""
    parts = where.split(".")
    count = next((n for n, part in enumerate(parts) if part[0].isupper()), len(parts) - 1)
    try:
        owner: Any = importlib.import_module(".".join(parts[:count]))
        for part in parts[count:-1]:
            owner = getattr(owner, part)
        old = getattr(owner, parts[-1])
    except (ImportError, AttributeError) as error:
        raise Stale(f"{where} is no more ({error})") from None
    setattr(owner, parts[-1], make(old))


def after(number: int) -> Callable[[], bool]:
    """True once: at the `number`-th call."""
    calls = iter(range(1, 1_000_000))
    return lambda: next(calls) == number
