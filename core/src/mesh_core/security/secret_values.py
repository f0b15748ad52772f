"""How a value looks: drawn by lot, a path, the word of a state, a place for a secret. Pure.

Every pattern is linear: it is run over whatever a container prints.
"""

from __future__ import annotations

import re
from itertools import pairwise

from mesh_core.security.secret_names import NO, STRONG_WORDS, strength_of

HIDDEN = "***"  # what stands in the place of a secret

# What stands behind "password:" in a message about one.
_STATES = frozenset(
    (  # noqa: SIM905
        "yes no true false null none nil undefined empty required optional missing invalid valid wrong incorrect "
        "failed failure failing expired expires rejected denied accepted ok okay set unset not is was are were has had "
        "must should cannot can't may will the a an for from of on in to by with and or changed reset rotated revoked "
        "disabled enabled refused unauthorized forbidden unknown mismatch error success successful verified unverified "
        "string str value sensitive known bad good match matches login prompt "
        "authentication authenticated file stdin env environment vault hidden redacted masked removed "
        "ja nein oui non si sí não tak nie да нет nej"
    ).split()
)

KEY_OF_HEX = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{24,128}")
_RUN = re.compile(r"[A-Za-z0-9]+")
_NAME_LIKE = re.compile(
    r"[a-z]+\d{0,3}|[A-Z]?[a-z]+|[A-Z]{1,12}\d{0,2}|\d{1,14}|v?\d+[a-z]?\d?|[0-9a-f]{7,128}|[0-9A-F]{7,128}|0x[0-9a-fA-F]{1,64}"
)
_HEX = re.compile(r"(?=.*\d)(?=.*[a-f])(?:[0-9a-f]{16,128}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
_LOWER_RUN = re.compile(r"[a-z]{3,}")
_ULID = re.compile(r"0[0-7][0-9A-HJKMNP-TV-Z]{24}")

_CODE = re.compile(
    r"(?:os|process|request|req|config|cfg|env|settings|self|this|ctx|secrets|vars?|local|data|params|props|System)\b[.\[(]"
    r"|[A-Za-z_][\w.]{1,60}[(\[][\"'\w]"
)
_VERSION = re.compile(r"v?\d{1,4}(?:\.\d{1,6}){1,4}")
_VARIABLE = re.compile(r"\$(?:[A-Z][A-Z0-9_]{0,60}|[a-z][a-z_]{0,60})")


def says_a_state(value: str) -> bool:
    """Is this the rest of a sentence about a secret (`expired`, `YES`), or a place for one (`${TOKEN}`, `****`)?"""
    bare = value.strip("'\"`.,:;!?()[]{}<>").lower()
    if not bare or bare in _STATES or set(bare) <= set("*x•.-_") or _VERSION.fullmatch(bare):
        return True
    if value.startswith(("${", "$(", "{{", "%(", "%s", "<", "***", "[{", "{")) or _VARIABLE.fullmatch(value):
        return True
    # code that fetches it, a tag that names it, a word that stands for it
    if _CODE.match(value) or value.lower().startswith(
        ("!secret", "!vault", "!env", "!include", "your_", "your-", "changeme")
    ):
        return True
    stands_for = value.strip("[](){}<>,.")  # secret, PASSWORD]: the word itself, where one is asked for
    return stands_for.isalpha() and (bare in STRONG_WORDS or (stands_for.isupper() and strength_of(bare) != NO))


def is_path(value: str) -> bool:
    """A path of plain names, such as /run/secrets/token, or an http(s) address."""
    if value.startswith(("http://", "https://")):
        return True
    if not value.startswith(("/", "./", "~/", "../")):
        return False
    return all(name_like(part) for part in value.split("/"))


def name_like(text: str) -> bool:
    """Made of words, short numbers and hexadecimal digests, as names of people's things are."""
    return all(_NAME_LIKE.fullmatch(part) for part in _RUN.findall(text))


def is_strange(word: str) -> bool:
    """Is this no word of a sentence: letters with digits or signs in them? What stands right beside a secret's name."""
    bare = word.strip("'\"`.,:;!?()[]{}<>")
    if len(bare) < 6 or is_path(bare) or says_a_state(bare):
        return False
    kinds = sum((any(c.isalpha() for c in bare), any(c.isdigit() for c in bare), any(not c.isalnum() for c in bare)))
    return kinds > 1 and (not name_like(bare) or _HEX.fullmatch(bare) is not None)


def is_random(word: str) -> bool:
    """Does this word look drawn by lot (a key, a token) rather than written: by how often the kind of letter changes?

    Hexadecimal alone is not enough: digests, container ids and UUIDs are no secrets. In base 62 the kind changes at
    62 % of the places, in base 36 at 40 %; in CamelCase at 28 %, in names with numbers at 15 %.
    """
    runs = [run for run in _RUN.findall(word) if not _NAME_LIKE.fullmatch(run)]
    drawn = "".join(runs)
    if len(drawn) < 20 or len(drawn) * 2 < len(word) or _ULID.fullmatch(drawn):
        return False
    kinds = ["u" if c.isupper() else "l" if c.islower() else "d" for c in drawn]
    changes = sum(a != b for a, b in pairwise(kinds)) / len(drawn)
    match "".join(sorted(set(kinds))):
        case "dlu":
            return changes >= 0.34 and sum(map(len, _LOWER_RUN.findall(drawn))) * 2 < len(drawn)
        case "du":
            return max(map(len, runs)) >= 20 and len(drawn) >= 24 and changes >= 0.25
        case "dl":
            return max(map(len, runs)) >= 20 and len(drawn) >= 28 and changes >= 0.25
        case _:
            return False
