"""`.env`: simple KEY=VALUE lines in this folder, or in the checkout. The environment wins; nothing is expanded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mend.errors import USAGE, CliError
from mesh_core.runtime.dotenv import BadDotenv, read_dotenv_file

FILE = ".env"


def with_dotenv(environ: Mapping[str, str], *folders: Path | None) -> dict[str, str]:
    """`environ` over what `.env` says in the first of `folders` that has one. CliError (usage) if it cannot be read."""
    for path in (folder / FILE for folder in folders if folder is not None):
        try:
            said = read_dotenv_file(path)
        except BadDotenv as error:
            raise CliError(str(error), USAGE) from None
        except (OSError, UnicodeDecodeError) as error:
            raise CliError(f"{path} cannot be read: {error}", USAGE) from None
        if said is not None:
            return {**said, **environ}
    return dict(environ)
