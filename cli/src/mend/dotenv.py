"""`.env`: simple KEY=VALUE lines in this folder, or in the checkout. The environment wins; nothing is expanded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mend.errors import USAGE, CliError
from mesh_core.models.saved_text import saved_text
from mesh_core.runtime.dotenv import BadDotenv, read_dotenv

FILE = ".env"


def with_dotenv(environ: Mapping[str, str], *folders: Path | None) -> dict[str, str]:
    """`environ` over what `.env` says in the first of `folders` that has one. CliError (usage) if it cannot be read."""
    for path in (folder / FILE for folder in folders if folder is not None):
        try:
            text = saved_text(path.read_bytes()).text
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise CliError(f"{path} cannot be read: {error}", USAGE) from None
        try:
            return {**read_dotenv(text, str(path)), **environ}
        except BadDotenv as error:
            raise CliError(str(error), USAGE) from None
    return dict(environ)
