"""Secrets hidden in text of any kind: logs, command lines, JSON in strings, addresses, sentences. Pure; never raises.

From what is certain to what is likely: keys in armour, addresses with a password, tokens known by their look, commands,
`name=value`, `--name value`, a value beside a secret's name in a sentence, and at last words that look drawn by lot.
How a secret is named, and how one looks, stands in `secret_names`, `secret_tokens`, `secret_commands` and
`secret_values`. Linear: each step looks a bounded way around what it finds.
"""

from __future__ import annotations

import re

from mesh_core.security.payment_cards import CARD, as_card
from mesh_core.security.secret_commands import COMMANDS, PIPED
from mesh_core.security.secret_tokens import PASSWORD_HASH, PRIVATE_KEY, TOKEN
from mesh_core.security.secret_values import HIDDEN, is_random
from mesh_core.security.secrets_assigned import assigned
from mesh_core.security.secrets_in_addresses import in_addresses
from mesh_core.security.secrets_in_markup import in_markup
from mesh_core.security.secrets_in_sentences import in_sentences


def without_secrets(text: str) -> str:
    """The same text with every secret that is found in it replaced by `***`. It is not capped: the caller does that."""
    text = PRIVATE_KEY.sub(HIDDEN, text) if "-----BEGIN" in text or "PuTTY" in text else text
    text = in_addresses(text)
    text = _WORD.sub(_token, text)
    text = PASSWORD_HASH.sub(HIDDEN, text) if "$" in text or "{" in text else text
    low = text.lower()
    for words, command in COMMANDS:
        if any(word in low for word in words):
            text = command.sub(rf"\1{HIDDEN}", text)
    text = PIPED.sub(rf"\1{HIDDEN}", text) if "echo" in low else text
    text = _SCHEME.sub(rf"\1{HIDDEN}", text)
    text = in_markup(assigned(text))
    text = _WIFI.sub(rf"\1{HIDDEN}", text) if "WIFI:" in text else text
    text = _CODE_SAID.sub(rf"\1{HIDDEN}", text) if any(word in low for word in _CODE_WORDS) else text
    text = _PHRASE.sub(rf"\1{HIDDEN}", text) if "phrase" in low or "mnemonic" in low or "seed" in low else text
    text = CARD.sub(as_card, text)
    text = in_sentences(text)
    return _WORD.sub(_drawn, text)


_PUBLIC = re.compile(
    r"(?:public[ _-]?key|peer|etag|\bbh|fingerprint|checksum|digest|integrity|cluster id|device)['\"]?"
    r"[ \t]{0,2}[:=]?[ \t]{0,2}(?:w/)?['\"]?\Z"
)
# The name of a picture, a script or a unit may be drawn by lot, and opens nothing.
_NAMES_END = (
    *(".webp", ".jpg", ".jpeg", ".png", ".gif", ".svg", ".heic", ".mp4", ".mkv", ".js", ".css", ".map", ".woff2"),
    *(".service", ".scope", ".slice", ".mount", ".socket", ".timer", ".log", ".tmp"),
)
# Long enough for a token.
_WORD = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9_+/=~%.:-]{16,2048}")


def _token(found: re.Match[str]) -> str:
    return TOKEN.sub(HIDDEN, found[0])


def _drawn(found: re.Match[str]) -> str:
    word = found[0]
    # a public key, a fingerprint of one or of a file's content is no secret
    if not is_random(word) or word.startswith(("SHA256:", "sha256-", "sha384-", "sha512-", "h1:", "bh=", "AAAA")):
        return word
    if word.endswith(_NAMES_END):
        return word
    before = found.string[max(0, found.start() - 24) : found.start()].lower()
    return word if _PUBLIC.search(before) else HIDDEN


_SCHEME = re.compile(
    r"(?i)(\b(?:bearer|basic|digest|negotiate|apikey|aws4-hmac-sha256|hawk)[ \t]{1,8})(?!realm=)"
    r"(?=[^\s]{0,200}[\d=_+/.-]|[A-Za-z]{16,})[A-Za-z0-9._~+/=-]{6,2048}"
)
_WIFI = re.compile(r"(WIFI:[^\n]{0,100}?\bP:)[^;\n]{1,100}")
_CODE_SAID = re.compile(
    r"(?i)(\b(?:(?:verification|security|2fa|mfa|pairing|confirmation|door|alarm|access|unlock|one-time|bestätigungs|sicherheits|login|auth)"
    r"[ -]?(?:code|pin)|otp|tan|puk)\b[ \t]{0,3}(?:is|ist|lautet|[:=])?[ \t]{0,3})\d{4,8}(?!\d)"
    r"|((?<!\d)\d{6}(?:-\d{6}){4})-\d{6}(?:-\d{6}){0,3}"
)

# The twelve to twenty-four words that open a wallet.
_PHRASE = re.compile(
    r"(?i)((?:(?:seed|recovery|backup|secret)[ _-]?(?:phrase|words?)|mnemonic)['\"]?[ \t]{0,2}(?:[:=]|is|ist)?"
    r"[ \t]{0,2}['\"]?)[a-z]{3,8}(?:[ ,]{1,2}[a-z]{3,8}){11,23}"
)
_CODE_WORDS = ("code", "otp", "tan", "puk", "pin", "recovery")
