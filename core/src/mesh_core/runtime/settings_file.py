"""A service's own settings file, `config/<service>/.env` under RUNTIME_PATH, as an environment below the real one.

Only a `__main__` calls this, before it reads its settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from mesh_core.runtime.dotenv import read_dotenv_file
from mesh_core.runtime.secret_files import FILE_SUFFIX, is_given
from mesh_core.runtime.settings import default_runtime_path


def with_settings_file(
    environ: Mapping[str, str], service: str, warn: Callable[[str], None] = lambda sentence: None
) -> dict[str, str]:
    """`environ` over what the file says; an empty variable counts as unset. Raises BadDotenv.

    A file that this user may not read is as none, and `warn` hears of it.
    """
    runtime = environ.get("RUNTIME_PATH", "").strip()
    path = (Path(runtime) if runtime else default_runtime_path()) / "config" / service / ".env"
    try:
        said = read_dotenv_file(path) or {}
    except (OSError, UnicodeDecodeError) as error:
        warn(f"nothing in {path} counts: it cannot be read by uid {os.geteuid()} ({error})")
        return dict(environ)
    # A setting has several ways (NAME, NAME_FILE, a credential): the environment wins, whichever of them it uses.
    below = {name: value for name, value in said.items() if not is_given(environ, name.removesuffix(FILE_SUFFIX))}
    return {**environ, **below}
