"""`mend backup`: the mesh in one file, while it runs. Changes nothing but that file, and old ones if asked to."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Annotated

import redis
import typer

from mend.backup.archive import Manifest
from mend.backup.archive_writing import writing
from mend.backup.contents import ROOTS, tree
from mend.backup.nearby_redis import nearby_redis
from mend.backup.redis_copy import dump
from mend.backup.redis_keys import RedisTrouble
from mend.backup.snapshot import ACTIONS, LEDGER, snapshot_actions
from mend.context import CliContext
from mend.errors import USAGE, CliError
from mend.options import AsJson
from mend.output.text import plain
from mend.views.counting import Counting
from mesh_core.models.records import rfc3339, utc_now
from mesh_core.storage.schema import SCHEMA_VERSION, WrongSchema, found_version, read_schema, why_not

FOLDER = "backups"
WithoutRedis = Annotated[bool, typer.Option("--without-redis", help="The files only; Redis is not asked.")]


def backup(
    ctx: typer.Context,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Where to; default: a new file in RUNTIME_PATH/backups/."),
    ] = None,
    without_redis: WithoutRedis = False,
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, help="Afterwards keep only the newest so many in that folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the mesh into one file: actions, events, config, silences, audit, what services remember, and Redis.

    The mesh may run. Nothing in the file will run by itself after a restore: what was approved waits for a yes again,
    what was running is interrupted. The file is for you alone (mode 0600): config may hold passwords of hosts.
    Not in it: .env, secrets/, models, logs, the agents' spools.

    \b
    Examples
      mend backup
      mend backup --to /mnt/usb/mesh.tar.gz
      mend backup --keep 14 --json              for cron
    """
    cli: CliContext = ctx.obj
    begun = utc_now()
    stamp = begun.strftime("%Y%m%dT%H%M%S.%fZ")
    target = to or cli.folder / FOLDER / f"mend-{cli.settings.node_name}-{stamp}.tar.gz"
    if keep is not None and to is not None:
        raise CliError("--keep is for the backups in RUNTIME_PATH/backups/; say it without --to", USAGE)
    if to is None:
        target.parent.mkdir(mode=0o700, exist_ok=True)
    manifest = Manifest(cli.settings.node_name, version("mendmesh-cli"), rfc3339(begun), schema=_layout(cli))
    with Counting(cli, "backup") as counting:
        try:
            _write(cli, target, manifest, without_redis, counting)
        except PermissionError as no:
            raise CliError(
                f"{plain(no.filename)}: this user may not read (or write) it; run the same as root"
            ) from None
    dropped = _drop_old(target, keep) if keep is not None else []
    if as_json:
        cli.say_json({"file": str(target), "bytes_written": target.stat().st_size, **asdict(manifest)})
    else:
        _say(cli, target, manifest, dropped)


def _say(cli: CliContext, target: Path, manifest: Manifest, dropped: Sequence[Path]) -> None:
    cli.say(f"{plain(target)}: {manifest.files} files, {target.stat().st_size / 1024**2:.1f} MiB", "bold")
    if manifest.redis is not None:
        cli.say(f"  Redis: {manifest.redis['keys']} keys, {manifest.redis['entries']} stream entries", "dim")
    if manifest.again_pending:
        cli.say(f"  {len(manifest.again_pending)} approved: after a restore they wait for a yes again", "dim")
    if manifest.interrupted:
        cli.say(f"  {len(manifest.interrupted)} running: after a restore they are interrupted", "dim")
    for what in manifest.left_out[:20]:
        cli.say(f"  left out: {plain(what)}", "yellow")
    if dropped:
        cli.say(f"  {len(dropped)} older removed", "dim")


def _write(cli: CliContext, target: Path, manifest: Manifest, without_redis: bool, counting: Counting) -> None:
    skip = manifest.left_out.append
    with tempfile.TemporaryFile() as lines, writing(target, counting.files) as writer:
        if not without_redis:
            # Before the files: what Redis knows of is then in the folders, and what it does not know yet comes again.
            with nearby_redis(cli, making=False) as client:
                try:
                    manifest.redis = asdict(dump(client, lines, counting.keys))
                except (redis.RedisError, RedisTrouble) as error:
                    raise CliError(f"Redis could not be read: {error}; --without-redis keeps the files only") from None
        cut = snapshot_actions(cli.runtime, skip)
        manifest.again_pending, manifest.interrupted = cut.again_pending, cut.interrupted
        for file in cut.everything(cli.runtime, skip):
            writer.add(file)
        for root in sorted(set(ROOTS) - {ACTIONS.name, "audit"}):
            for file in tree(cli.runtime, PurePosixPath(root), skip):
                if not file.path.is_relative_to(LEDGER) or file.path == LEDGER:
                    writer.add(file)
        for file in tree(cli.runtime, PurePosixPath("audit"), skip):  # last: it then holds whatever the rest knows of
            writer.add(file)
        if manifest.redis is not None:
            writer.add_redis(lines)
        manifest.ended = rfc3339(utc_now())
        writer.finish(manifest)


def _layout(cli: CliContext) -> int:
    """The layout of what is on the disk, which may be older than this version's."""
    try:
        known = read_schema(cli.runtime)
    except WrongSchema as wrong:
        raise CliError(str(wrong)) from None
    if known is not None and (known.unfinished or known.version > SCHEMA_VERSION):
        raise CliError(why_not(cli.runtime))
    return known.version if known else found_version(cli.runtime)


def _drop_old(newest: Path, keep: int) -> list[Path]:
    """By their names, which begin with the node and then sort by time; the one just written always stays."""
    node = newest.name.rpartition("-")[0]
    ours = sorted(path for path in newest.parent.glob("mend-*.tar.gz") if path.name.rpartition("-")[0] == node)
    old = [path for path in ours[:-keep] if path != newest]
    for path in old:
        path.unlink(missing_ok=True)
    return old
