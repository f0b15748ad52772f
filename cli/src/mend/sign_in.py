"""The way into the dashboard where nobody is listed: a one-time link, for whoever may write into the runtime folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mend.errors import FAILED, CliError
from mesh_core.runtime.secret_files import is_given
from mesh_core.security.sign_in_links import links_folder, make_link
from mesh_core.security.users import BadPeople, people_path, read_people


def sign_in_link(runtime: Path, environ: Mapping[str, str], dashboard: str) -> str | None:
    """A new link to `dashboard`, its address; None where people are listed and sign in by name. Raises CliError.

    The token stands behind the #, which no browser sends: it is in no log, and fetching the page does not use it up.
    """
    try:
        listed = is_given(environ, "OBSERVER_TOKENS") or not read_people(people_path(runtime)).empty
    except BadPeople as error:
        raise CliError(f"nobody can sign in: {error}", FAILED) from None
    if listed:
        return None
    try:
        return f"{dashboard}#/link/{make_link(runtime)}"
    except PermissionError:
        raise CliError(f"{runtime} is another user's: only they can make a link to the dashboard", FAILED) from None
    except OSError as error:
        raise CliError(
            f"no link to the dashboard: {error.filename} in {runtime} cannot be used ({error.strerror}); "
            f"{links_folder(runtime)} has to be a folder, no link to one",
            FAILED,
        ) from None
