"""`.env`: simple KEY=VALUE lines in this folder, or in the checkout. The environment wins; nothing is expanded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from mend.errors import USAGE, CliError

FILE = ".env"
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


def with_dotenv(environ: Mapping[str, str], *folders: Path | None) -> dict[str, str]:
    """`environ` over what `.env` says in the first of `folders` that has one. CliError (usage) if it cannot be read."""
    for path in (folder / FILE for folder in folders if folder is not None):
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise CliError(f"{path} cannot be read: {error}", USAGE) from None
        return {**parse(text, str(path)), **environ}
    return dict(environ)


def parse(text: str, source: str = FILE) -> dict[str, str]:
    """The variables of the text. A value may stand in quotes; outside of them ` #` begins a comment."""
    found = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise CliError(f"{source}, line {number}: not KEY=VALUE", USAGE)
        found[match[1]] = _value(match[2], f"{source}, line {number}")
    return found


def _value(text: str, where: str) -> str:
    if text[:1] in ("'", '"'):
        value, closed, rest = text[1:].partition(text[0])
        if not closed or (rest.strip() and not rest.lstrip().startswith("#")):
            raise CliError(f"{where}: the quotes do not end where the value ends", USAGE)
        return value
    return re.split(r"\s#", text, maxsplit=1)[0].strip() if not text.startswith("#") else ""
