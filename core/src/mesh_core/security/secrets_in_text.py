"""Secrets hidden in text of any kind: logs, command lines, JSON in strings, addresses, sentences. Pure; never raises.

From what is certain to what is likely: keys in armour, addresses with a password, tokens known by their look, commands,
`name=value`, `--name value`, a value beside a secret's name in a sentence, and at last words that look drawn by lot.
What a secret looks like stands in `secret_shapes.py`. Linear: each step looks a bounded way around what it finds.
"""

from __future__ import annotations

import re

from mesh_core.security.secret_shapes import (
    COMMANDS,
    NO,
    PASSWORD_HASH,
    PIPED,
    PRIVATE_KEY,
    SECOND,
    SPOKEN,
    STRONG,
    TOKEN,
    WEAK,
    is_path,
    is_random,
    is_strange,
    name_like,
    of_two_words,
    says_a_state,
    strength_of,
)

HIDDEN = "***"
MAX_VALUE = 2048  # characters of one value


def without_secrets(text: str) -> str:
    """The same text with every secret that is found in it replaced by `***`. It is not capped: the caller does that."""
    text = PRIVATE_KEY.sub(HIDDEN, text) if "PRIVATE KEY" in text or "PuTTY" in text else text
    text = _in_addresses(text)
    text = _WORD.sub(_token, text)
    text = PASSWORD_HASH.sub(HIDDEN, text) if "$" in text or "{" in text else text
    low = text.lower()
    for words, command in COMMANDS:
        if any(word in low for word in words):
            text = command.sub(rf"\1{HIDDEN}", text)
    text = PIPED.sub(rf"\1{HIDDEN}", text) if "echo" in low else text
    text = _SCHEME.sub(rf"\1{HIDDEN}", text)
    text = _assigned(text)
    text = _OPTION.sub(_option, text)
    text = _VALUE.sub(_pair, text) if "value" in low else text
    if "</" in text:
        text = _TAG.sub(_tag, text)
        for kind in (_NAMED_TAG, _KEY_TAG):
            text = kind.sub(_named_tag, text)
    if "(" in text:
        text = _LOGIN_CALL.sub(_login_call, _CALL.sub(_call, text))
    text = _NEIGHBOURS.sub(_neighbour, text)
    text = _DIRECTIVE.sub(_directive, text)
    text = _WIFI.sub(rf"\1{HIDDEN}", text) if "WIFI:" in text else text
    text = _CODE_SAID.sub(rf"\1{HIDDEN}", text) if any(word in low for word in _CODE_WORDS) else text
    text = _in_sentences(text)
    return _WORD.sub(_drawn, text)


_PUBLIC = re.compile(
    r"(?:public[ _-]?key|peer|etag|\bbh|fingerprint|integrity|cluster id|device)['\"]?"
    r"[ \t]{0,2}[:=]?[ \t]{0,2}(?:w/)?['\"]?\Z"
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
    before = found.string[max(0, found.start() - 24) : found.start()].lower()
    return word if _PUBLIC.search(before) else HIDDEN


# ---- addresses -------------------------------------------------------------------------------------------------------

# user:password@ up to the last @ of the word (a password may hold one, and slashes); a port is no password
_USER_AND_PASSWORD = re.compile(r"(?<=://)[^\s/@:'\"<>]{0,256}:(?!\d{1,5}(?:[/?#\s]|$))[^\s'\"<>]{0,512}@")
_TOKEN_AS_USER = re.compile(r"(?<!ssh://)(?<!git://)(?<!sftp://)(?<!rsync://)(?<=://)[^\s/@'\"<>:]{1,512}@")
# user/password@//host, user:password@tcp(host)
_BARE_LOGIN = re.compile(r"(?<![\w/@:.])([A-Za-z_][\w.-]{0,40}[:/])[^\s'\"@/]{4,200}(?=@(?://|tcp\(|unix\())")
# Behind one of these, a segment of letters with digits is the key to the door.
_DOOR = re.compile(
    r"(/(?:api/)?(?:[a-z]{0,20}web-?hooks?(?:b2)?|hooks?|bot|push|incoming(?:webhook)?|services|workflows|triggers|ping|send|notify|u|in|"
    r"catch|hookshot|invoke|trigger|key|token|secret|share|invite|reset|confirm|verify|magic|login|r|s)/)"
    r"([^\s'\"<>?#]{12,512})",
    re.IGNORECASE,
)
_SEGMENT = re.compile(r"[^/]+")
_HEX_KEY = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{24,128}")
_PING_HOST = re.compile(
    r"(://(?:hc-ping|nosnch|cronitor|[\w.-]{0,60}(?:ping|beat|hook)[\w-]{0,20})\.[\w.-]{1,60}/)([^\s'\"<>?#]{6,200})"
)


def _in_addresses(text: str) -> str:
    if "@" in text:
        text = _BARE_LOGIN.sub(rf"\1{HIDDEN}", text)
    if "://" not in text:
        return text
    text = _USER_AND_PASSWORD.sub(f"{HIDDEN}@", text)
    text = _TOKEN_AS_USER.sub(f"{HIDDEN}@", text)
    return _PING_HOST.sub(_door, _DOOR.sub(_door, text))


def _door(found: re.Match[str]) -> str:
    def segment(part: re.Match[str]) -> str:
        word = part[0]
        odd = len(word) >= 12 and any(c.isdigit() for c in word) and (is_strange(word) or not word.isalnum())
        mixed = len(word) >= 12 and word.isalnum() and not (word.islower() or word.isupper() or word.istitle())
        return HIDDEN if odd or mixed or _HEX_KEY.fullmatch(word) or is_random(word) else word

    return found[1] + _SEGMENT.sub(segment, found[2])


# ---- name=value ------------------------------------------------------------------------------------------------------

_SCHEME = re.compile(
    r"(?i)(\b(?:bearer|basic|digest|negotiate|apikey|aws4-hmac-sha256|hawk)[ \t]{1,8})(?!realm=)"
    r"(?=[^\s]{0,200}[\d=_+/.-]|[A-Za-z]{16,})[A-Za-z0-9._~+/=-]{6,2048}"
)
_SEPARATOR = re.compile(r"=>|->|→|\?=|\|\||%3[ADad](?:%20)?|[:=：＝]{1,3}")
_NAME = re.compile(r"[\w.-]{1,60}\Z")
_OPENING = re.compile(r"[ \t]{0,8}((?:\\{0,4}[\"'`])|)")
_SCHEME_WORD = re.compile(
    r"(?i)(?:bearer|basic|digest|negotiate|token|apikey|key|splunk|sso-key|pass|plain|pbkdf2)[ \t]{1,4}(?=\S{6})"
)
_BARE = re.compile(r"[^\s'\"`<>]{1,2048}")
_NUMBERS = re.compile(r"\[(?:\s{0,4}(?:0x)?[0-9A-Fa-f]{1,3}\s{0,4},?){8,64}\]")
# The value stands on the next line: an empty rest, a block, a line that goes on. Not where a mapping begins there.
_NEXT_LINE = re.compile(
    r"[ \t]{0,8}(?:\|[+-]?|>[+-]?|\\|\"\"\"|'{3})?[ \t]{0,8}\n[ \t]{0,40}(?![\w.'\"-]{1,80}[ \t]?[:=]|-[ \t]|#|\n)"
)
_PROSE = re.compile(r"[ \t]+[A-Za-z]{2,}")
_NEXT_NAME = re.compile(
    r"&(?:quot|amp|lt|gt|#\d{2,4});|%2[06]|[,;&](?=[ \t]{0,2}[A-Za-z_][\w.\[\]-]{0,40}[=:]|\s|\Z)|\\[nrt]|\|\|"
)
_TO_THE_END = re.compile(r"(?i)(?:authorization|cookies?|passphrase|mnemonic)\Z")
QUERY = 3  # a weak name in an address: "?code=", "&sig="
_OF = frozenset({"for", "of", "von", "für", "fuer", "de", "para", "per", "dla", "voor", "pour", "du", "di", "do"})
_AROUND = " \t'\"`\\])"


def _assigned(text: str) -> str:
    parts: list[str] = []
    kept = place = 0
    while found := _SEPARATOR.search(text, place):
        place = found.end()
        said = text[max(kept, found.start() - 100) : found.start()].rstrip(_AROUND).removesuffix("&quot;")
        words = said.rsplit(None, 3)
        if not words:
            continue
        name = _NAME.search(words[-1][-60:])
        last = name[0] if name else ""
        strength = strength_of(last)
        if last and found[0] == ":" and words[-1].endswith(f"/{last}"):
            continue  # a place: /run/secrets:/run/secrets:ro
        if strength < STRONG and last.lower() in SECOND and len(words) > 1:
            strength = strength_of(" ".join(words[-3:]))
        elif strength == NO and len(words) > 2 and words[-2].lower() in _OF:  # password for grafana: ...
            strength = -strength_of(words[-3])
        if strength == NO and not said.isascii() and of_two_words(said[-24:]):
            strength = STRONG
        if strength == WEAK and said[-len(last) - 1 : -len(last)] in ("?", "&") and last:
            strength = QUERY
        if strength == NO:
            continue
        start, end = _value_at(text, found.end(), last)
        value = text[start:end]
        prose = found[0] == ":" and value.isalpha() and _PROSE.match(text, end) and not _TO_THE_END.search(last)
        if start < end and not prose and _is_hidden(strength, last, value, found[0]):
            parts += text[kept:start], HIDDEN
            kept = place = end
    return "".join([*parts, text[kept:]])


def _value_at(text: str, place: int, name: str) -> tuple[int, int]:
    """(start, end) of the value behind a separator, without its quotes."""
    if below := _NEXT_LINE.match(text, place):
        place = below.end()
    if numbers := _NUMBERS.match(text, place + (text[place : place + 1] == " ")):
        return numbers.span()
    if text.startswith("&quot;", place):
        place += 6
    opening = _OPENING.match(text, place)
    if opening is None:
        return place, place
    start, quote = opening.end(), opening[1]
    line = text.find("\n", start, start + MAX_VALUE)
    last = line if line >= 0 else min(len(text), start + MAX_VALUE)
    if quote:
        closing = text.find(quote, start, last)
        return start, closing if closing >= 0 else last
    if _TO_THE_END.search(name):
        # a whole header; where the header stands in quotes, to the quote's end
        closing = min((at for q in "\"'" if (at := text.find(q, start, last)) >= 0), default=last)
        return start, closing
    if scheme := _SCHEME_WORD.match(text, start):
        start = scheme.end()
    bare = _BARE.match(text, start)
    if bare is None:
        return start, start
    value = bare[0]
    if cut := _NEXT_NAME.search(value):
        value = value[: cut.start()]
    if (
        value.count(")") > value.count("(")
        or value.count("]") > value.count("[")
        or value.count("}") > value.count("{")
    ):
        value = value.rstrip(".,:;)]}")
    return start, start + len(value.rstrip(".,:;") or value)


def _is_hidden(strength: int, name: str, value: str, separator: str) -> bool:
    if value.startswith("[") and _NUMBERS.fullmatch(value):
        return True
    if says_a_state(value.partition(" ")[0] or value) or is_path(value) or value == HIDDEN:
        return False
    digits = value.isdigit()
    lowered = name.lower()
    if strength == STRONG:
        if digits and (lowered.endswith("s") or (lowered == "pass" and len(value) < 4)):
            return False  # tokens: 812, pass=5
        if digits and len(value) < 4 and lowered.endswith("token"):
            return False  # an answer's number
        return not (name == "PASS" and separator == ":" and (value.isalpha() or name_like(value)))  # a test's result
    if strength < NO:  # password for grafana: ...
        return not value.isalpha() and not digits
    if lowered.endswith("pin"):
        return digits and len(value) > 3
    if strength == QUERY:
        return len(value) > 5 and not value.isalpha() and not digits
    return is_random(value) or _HEX_KEY.fullmatch(value) is not None or (is_strange(value) and len(value) >= 10)


# ---- --name value, {"name": ..., "value": ...}, <name>value</name> ---------------------------------------------------

_OPTION = re.compile(
    r"(?<![\w-])(--?[A-Za-z][\w.-]{1,50})"
    r"([\"'][ \t]{0,4},[ \t]{0,4}[\"']|[\"']?,?[ \t]{1,4}(?:\\\n[ \t]{0,16})?[\"']?)"
    r"((?!-)[^\s'\"]{1,2048}|(?<=\")[^\"\n]{1,2048}|(?<=')[^'\n]{1,2048})"
)
# "name": "DB_PASSWORD", "value": "..."; <add key="DbPassword" value="..."/>; - name: DB_PASSWORD, next line value: ...
_VALUE = re.compile(r"\b([Vv]alue\\?[\"']?[ \t]{0,3}[:=][ \t]{0,3}\\?[\"']?)([^\"'\n\\]{1,2048})")
_NAMED = re.compile(
    r"(?i)\b(?:name|key|var|variable|field|option)\\?[\"']?[ \t]{0,3}[:=][ \t]{0,3}\\?[\"']?([\w.-]{2,80})\Z"
)
_TAG = re.compile(r"<([\w:.-]{2,60})(?:\s[^<>]{0,200})?>(?:<!\[CDATA\[)?([^<>\]]{1,2048})(?=\]\]>|</)")
_NAMED_TAG = re.compile(
    r"(<\w{1,40}\s[^<>]{0,200}?\b(?:name|id|key)=[\"']([\w.-]{2,60})[\"'][^<>]{0,200}>)([^<>]{1,2048})(?=</)"
)
_KEY_TAG = re.compile(r"(<key>([^<>]{2,60})</key>\s{0,40}<string>)([^<>]{1,2048})(?=</)")


def _option(found: re.Match[str]) -> str:
    name, between, value = found.groups()
    strength = strength_of(name.rstrip("0123456789"))
    if strength > NO and _is_hidden(strength, name, value, " "):
        return f"{name}{between}{HIDDEN}"
    return found[0]


# "passwd", "..." in a list, define("AUTH_KEY", "..."), setPassword("..."), a name and its value in a configuration file
_NEIGHBOURS = re.compile(
    r"((\\?[\"'])-{0,2}([\w.-]{2,60})\2[ \t]{0,4}(?:,|=>)[ \t]{0,4}(\\?[\"']))([^\"'\\\n]{3,200})(?=\4)"
)
_CALL = re.compile(r"((?<![\w.])([\w.$>-]{2,60})\([ \t]{0,4}([\"']))([^\"'\n]{3,200})(?=\3)")
_LOGIN_CALL = re.compile(
    r"(?i)(\b(?:pdo|mysqli(?:_connect)?|getconnection|connect|auth|login|begin|authenticate|createconnection)"
    r"[ \t]{0,2}=?[ \t]{0,2}\([^()\n]{0,200}?[\"'][^\"'()\n]{0,120}[\"'][ \t]{0,4},[ \t]{0,4}([\"']))"
    r"([^\"'()\n]{4,100})(?=\2[ \t]{0,4}[,)])"
)
_DIRECTIVE = re.compile(
    r"(?m)^([ \t]{0,40}(?:[\w.-]{1,60}[ \t]{1,8}){0,2}?([\w.-]{2,60})([ \t]{1,40}))"
    r"([\"']?)([^\s\"';]{4,512}|(?<=[\"'])[^\"'\n]{4,200})(?=\4;?[ \t]*$)"
)


def _neighbour(found: re.Match[str]) -> str:
    strength = strength_of(found[3])
    return found[1] + HIDDEN if strength > NO and _is_hidden(strength, found[3], found[5], ",") else found[0]


def _call(found: re.Match[str]) -> str:
    return found[1] + HIDDEN if strength_of(found[2]) == STRONG and not says_a_state(found[4]) else found[0]


def _login_call(found: re.Match[str]) -> str:
    return found[0] if found[3].isalpha() and found[3].islower() else found[1] + HIDDEN


def _directive(found: re.Match[str]) -> str:
    start, name, gap, quote, value = found.groups()
    if strength_of(name.rstrip("0123456789")) != STRONG or says_a_state(value) or is_path(value) or HIDDEN in value:
        return found[0]
    made_up = any(c in name for c in "_.-") or not (name.islower() or name.istitle())  # no word of a sentence
    alone = start.strip() == name and (len(gap) > 1 or "\t" in gap)
    odd = bool(quote) or not value.isalpha()
    return (
        f"{start}{quote}{HIDDEN}"
        if alone or (made_up and value[0].isalnum()) or (odd and start.strip() == name)
        else found[0]
    )


def _pair(found: re.Match[str]) -> str:
    before = found.string[max(0, found.start() - 120) : found.start()].rstrip(" \t\n,\"'\\")
    named = _NAMED.search(before)
    if named and strength_of(named[1]) == STRONG and not says_a_state(found[2]):
        return f"{found[1]}{HIDDEN}"
    return found[0]


def _tag(found: re.Match[str]) -> str:
    start = found[0][: found.start(2) - found.start()]
    if strength_of(found[1]) == STRONG and not says_a_state(found[2]):
        return start + HIDDEN
    return found[0]


def _named_tag(found: re.Match[str]) -> str:
    return found[1] + HIDDEN if strength_of(found[2]) == STRONG and not says_a_state(found[3]) else found[0]


_WIFI = re.compile(r"(WIFI:[^\n]{0,100}?\bP:)[^;\n]{1,100}")
_CODE_SAID = re.compile(
    r"(?i)(\b(?:(?:verification|security|2fa|mfa|pairing|confirmation|door|alarm|access|unlock|one-time|bestätigungs|sicherheits|login|auth)"
    r"[ -]?(?:code|pin)|otp|tan|puk)\b[ \t]{0,3}(?:is|ist|lautet|[:=])?[ \t]{0,3})\d{4,8}(?!\d)"
    r"|((?<!\d)\d{6}(?:-\d{6}){4})-\d{6}(?:-\d{6}){0,3}"
)


_CODE_WORDS = ("code", "otp", "tan", "puk", "pin", "recovery")


# ---- sentences -------------------------------------------------------------------------------------------------------

_IS = re.compile(
    r"[ \t]{1,3}(?:is|was|are|now|ist|lautet|war|est|es|era|è|jest|brzmi|to|är|er|on|je|este|это|е|equals|value|named?|"
    r"(?:was |is )?(?:set|changed|reset|updated) to|called)[ \t]{1,3}(?:now[ \t]{1,3})?"
    r"|[是は為为는은이가：:＝=「『\s]{1,4}"
)
_SPOKEN = re.compile(r"\"[^\"\n]{1,200}\"|'[^'\n]{1,200}'|`[^`\n]{1,200}`|「[^」\n]{1,200}」|[^\s,;'\"`]{1,512}")
_QUOTES = "\"'`「"


def _in_sentences(text: str) -> str:
    parts: list[str] = []
    kept = 0
    for place in _spoken_in(text):
        if place < kept:
            continue
        joined = _IS.match(text, place)
        value = _SPOKEN.match(text, joined.end() if joined else place)
        if value is None or not joined:
            continue
        if (later := _later(text, place)) is not None and later.start(1) > value.start():
            parts += text[kept : later.start(1)], HIDDEN
            kept = later.end(1)
            continue
        word = value[0]
        quoted = word[0] in _QUOTES and len(word) > 4
        bare = word.strip("\"'`「」.,:;!?()[]")
        said = len(joined[0].strip()) > 0
        if says_a_state(bare) or is_path(bare) or HIDDEN in word:
            continue
        odd = not bare.isalpha() or not (bare.islower() or bare.istitle() or bare.isupper())
        known = text[place - 8 : place].lower().endswith(("secret", "secrets", "token", "tokens", "cookie"))
        if (
            (quoted and not (known and bare.replace("-", "").isalpha()))
            or (said and odd and len(bare) > 3 and not bare.isdigit())
            or is_strange(bare)
        ):
            parts += text[kept : value.start()], word.replace(bare, HIDDEN, 1)
            kept = value.end()
    return "".join([*parts, text[kept:]])


def _spoken_in(text: str) -> list[int]:
    """Where a secret's name ends in this text, in order."""
    low = text.lower()
    if len(low) != len(text):  # a letter that is two when small
        low = "".join(small if len(small := c.lower()) == 1 else c for c in text)
    ends: set[int] = set()
    for word in SPOKEN:
        at = low.find(word)
        while at >= 0:
            end = at + len(word)
            apart = not (
                low[max(0, at - 1) : at].isalnum()
                or low[end : end + 1].isalnum()
                or "_" in low[max(0, at - 1) : end + 1]
            )
            if apart or not word.isascii():
                ends.add(end)
            at = low.find(word, end)
    return sorted(ends)


# Further on in the sentence: a value in quotes or brackets, or behind a word that leads to one.
_LATER = re.compile(
    r"(?:\b(?:is|to|as|with|from|tried|ist|lautet|est|es|è)[ \t]+|[:→][ \t]{1,3}|[ \t]-[ \t]|\.{3,}[ \t]?"
    r"|[<(\[`*]{1,3})[\"'`]?"
    r"([^\s\"'`()\[\]<>,;]{6,128})"
)
# Within a sentence about a password, but somebody's name or address, a time, a number, a place.
_NO_SECRET = re.compile(
    r"[\w.+-]+@[\w.-]+|\d+[:.][\w.+~:-]*|\d[\d.:/%-]*\w{0,3}|(?:[\w-]+\.)+[a-z]{2,12}(?::\d+)?/?|/\S*|\w+://\S*"
    r"|(?:[a-z][\w-]*/)+[\w.-]*"
)


def _later(text: str, place: int) -> re.Match[str] | None:
    """A value within 60 characters behind the name of a password, with letters and digits or signs in it."""
    said = text[max(0, place - 24) : place].lower()
    if not any(word in said for word in ("pass", "kennwort", "pwd", "contrase", "hasł", "парол", "wachtwoord")):
        return None
    line = text.find("\n", place, place + 60)
    for found in _LATER.finditer(text, place, line if line >= 0 else place + 60 + 128):
        value = found[1].rstrip(".,:;!?*")
        if found.start() > place + 60:
            return None
        odd = (
            any(c.isalpha() for c in value)
            and not value.isalpha()
            and (any(c.isdigit() for c in value) or not value.isalnum())
        )
        if odd and len(value) > 5 and not (_NO_SECRET.fullmatch(value) or says_a_state(value) or HIDDEN in value):
            plain = value.replace("-", "").replace("_", "")
            if any(c.isdigit() for c in value) or not plain.isalpha():
                return found
    return None
