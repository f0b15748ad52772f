"""Numbers of payment cards, hidden: a vendor's beginning, its length, and the check digit of ISO/IEC 7812. Pure."""

from __future__ import annotations

import re

from mesh_core.security.secret_values import HIDDEN

# Visa, Mastercard, Discover (16 digits), American Express (15); in a row or in the groups that are printed on it.
CARD = re.compile(
    r"(?<![\w.+-])(?:(?:4\d{3}|5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720|6011|65\d\d)"
    r"([ -]?)\d{4}\1\d{4}\1\d{4}|3[47]\d\d([ -]?)\d{6}\2\d{5})(?![\w-]|\.\d)"
)


def as_card(found: re.Match[str]) -> str:
    """What stands for it: itself where its digits are no card's."""
    return HIDDEN if _checks([int(c) for c in found[0] if c.isdigit()]) else found[0]


def _checks(digits: list[int]) -> bool:
    """Luhn's sum: every second digit from the right counts double, the digits of that added up."""
    doubled = sum(sum(divmod(2 * d, 10)) for d in digits[-2::-2])
    return (sum(digits[-1::-2]) + doubled) % 10 == 0
