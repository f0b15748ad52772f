"""The images that tests run: a Debian made by debootstrap and what is built on it. Pulls nothing from a registry.

What takes long (debootstrap, apt) is kept as tar files in ~/.cache/mendmesh-tests (or MENDMESH_TEST_CACHE); remove
that folder to make them anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from parts.engine import Engine
from parts.require import missing, require

CONTEXT = Path(__file__).parent / "images"
SUITE = "bookworm"
BASE = f"debian:{SUITE}-slim"
SICK = "mendmesh-test/sick:latest"
NODE = "mendmesh-test/node:latest"
PYTHON = "mendmesh-test/python:latest"
REDIS = "mendmesh-test/redis:latest"
FAR = "mendmesh-test/far:latest"
OWN_CERTIFICATES = Path("/usr/local/share/ca-certificates")
ROOT = Path(__file__).parents[2]
NOT_IN_SLIM = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/cache/apt",
    "var/lib/apt/lists",
)
DEBOOTSTRAP_SECONDS = 900
BUILD_SECONDS = 900


def base_image(engine: Engine) -> str:
    """`debian:bookworm-slim`, as it is when the engine has it, else imported from a debootstrap (a minute, once)."""
    if not engine.has_image(BASE):
        tarball = _cached(f"{SUITE}-{platform.machine()}.tar", _debootstrap)
        engine.docker("import", "--change", 'CMD ["bash"]', str(tarball), BASE, timeout=300)
    return BASE


def sick_image(engine: Engine) -> str:
    """A small web service whose health check fails after `touch /tmp/sick`, until a restart. A second to build."""
    base_image(engine)
    _build(engine, SICK, "sick.Dockerfile")
    return SICK


def node_image(engine: Engine) -> str:
    """systemd, sshd, Python and a unit `web.service`. Built with apt once, then kept as a tar file."""
    parts = ("node.Dockerfile", "web.service", "service.pl", "probe.pl")
    digest = hashlib.sha256(b"".join((CONTEXT / name).read_bytes() for name in parts)).hexdigest()[:12]
    tag = f"{NODE.partition(':')[0]}:{digest}"
    if not engine.has_image(tag):

        def build_and_save(target: Path) -> None:
            base_image(engine)
            _build(engine, tag, "node.Dockerfile")
            engine.docker("save", "--output", str(target), tag, timeout=300)

        tarball = _cached(f"node-{digest}-{platform.machine()}.tar", build_and_save)
        if not engine.has_image(tag):
            engine.docker("load", "--input", str(tarball), timeout=300)
    engine.docker("tag", tag, NODE)
    return NODE


def python_image(engine: Engine) -> str:
    """Stands for python:3.11-slim; with the certificates of this machine, so that pip works in builds. 10 s."""
    base_image(engine)
    with tempfile.TemporaryDirectory() as folder:
        certificates = Path(folder, "ca-certificates")
        certificates.mkdir()
        for file in OWN_CERTIFICATES.glob("*.crt"):
            # Dates are part of the builder's cache key, contents are what counts.
            shutil.copyfile(file, certificates / file.name)
        shutil.copyfile(CONTEXT / "python.Dockerfile", Path(folder, "Dockerfile"))
        _docker_build(engine, PYTHON, Path(folder, "Dockerfile"), Path(folder))
    return PYTHON


def redis_image(engine: Engine) -> str:
    """Debian's Redis. 5 s."""
    base_image(engine)
    _build(engine, REDIS, "redis.Dockerfile")
    return REDIS


def far_image(engine: Engine) -> str:
    """A node to be reached by ssh only. A second where the engine has the node with systemd."""
    node_image(engine)
    _build(engine, FAR, "far.Dockerfile")
    return FAR


def product_image(engine: Engine, service: str, tag: str, *options: str) -> str:
    """One of the product's own images, as `make images` builds it, on the stand-in for its base."""
    _docker_build(
        engine, tag, ROOT / "services" / service / "Dockerfile", ROOT, "--build-arg", f"BASE={PYTHON}", *options
    )
    return tag


def _build(engine: Engine, tag: str, dockerfile: str) -> None:
    _docker_build(engine, tag, CONTEXT / dockerfile, CONTEXT)


def _docker_build(engine: Engine, tag: str, dockerfile: Path, context: Path, *options: str) -> None:
    # --network host: a build needs no bridge, no firewall rule and no name server of the engine's then
    where = ("-f", str(dockerfile), str(context))
    engine.docker("build", "--network", "host", "-t", tag, *options, *where, timeout=BUILD_SECONDS)


def _cached(name: str, make: Callable[[Path], None]) -> Path:
    """The file from the cache; `make` writes it when it is not there (one session at a time, whole or not at all)."""
    folder = Path(os.environ.get("MENDMESH_TEST_CACHE") or Path.home() / ".cache" / "mendmesh-tests")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / name).exists():
            print(f"making {name} for the tests, once ...", file=sys.__stderr__, flush=True)
            part = folder / f"{name}.part"
            part.unlink(missing_ok=True)
            make(part)
            part.rename(folder / name)
    return folder / name


def _debootstrap(target: Path) -> None:
    if os.geteuid() != 0:
        missing("root (debootstrap makes the base image)", "run as root, or give an engine that has " + BASE)
    debootstrap = require("debootstrap", "apt-get install debootstrap")
    root = Path(tempfile.mkdtemp(prefix="mendmesh-debootstrap-"))
    try:
        root.chmod(0o755)
        command = [debootstrap, "--variant=minbase", SUITE, str(root), *_mirror()]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEBOOTSTRAP_SECONDS, check=False
        )
        if done.returncode:
            raise AssertionError(f"debootstrap ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-500:]}")
        for folder in NOT_IN_SLIM:
            for entry in (root / folder).iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        subprocess.run(["tar", "-C", str(root), "--numeric-owner", "-cf", str(target), "."], check=True, timeout=300)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _mirror() -> list[str]:
    """The archive that this machine's own apt uses for the same suite; none: debootstrap's default."""
    wanted = ["Created-By: Packages", f"Codename: {SUITE}", "Component: main"]
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted], capture_output=True, text=True, check=False
    )
    return listing.stdout.split()[:1]
