"""A checkout to deploy from: a copy of this one that a test may break; and the host that it is deployed to.

Starts the scripts as a person would and says what came out; knows nothing of how they work.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mesh_core.testing import Patience
from parts.engine import Engine
from parts.nodes import SshNode

ROOT = Path(__file__).parents[2]
OF_A_CHECKOUT = ("scripts", "core/src", "core/pyproject.toml", "requirements.lock", "requirements-collections.lock")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "tests", "node_modules", "dist", "*.egg-info", ".env")
COLOUR = re.compile(r"\x1b\[")


@dataclass(frozen=True)
class Done:
    """How a script ended. `out` is what a person read on stdout, `sentence` the last line on stderr."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def sentence(self) -> str:
        return self.err.strip().splitlines()[-1] if self.err.strip() else ""

    def __str__(self) -> str:
        return f"exit code {self.code} after {self.seconds:.1f} s\n{self.out}\n{self.err}"


@dataclass
class Checkout:
    """A copy with one service in it. `hosts` becomes the inventory; `environment` reaches the scripts."""

    root: Path
    service: str = "node-agent"
    hosts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def copy(cls, root: Path, service: str = "node-agent") -> Checkout:
        for name in (*OF_A_CHECKOUT, f"services/{service}"):
            source, target = ROOT / name, root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=LEFT_OUT)
            else:
                shutil.copy2(source, target)
        (root / ".venv").symlink_to(ROOT / ".venv")
        return cls(root, service)

    def add(self, name: str, node: SshNode, **variables: object) -> None:
        self.hosts[name] = {**node.inventory_vars, **variables}

    def deploy(self, *options: str, seconds: float = 600) -> Done:
        return self.run("deploy.sh", *options, seconds=seconds)

    def run(self, script: str, *options: str, seconds: float = 600, answer: str | None = None) -> Done:
        """scripts/deploy/<script> --service <ours>, in a session of its own, as from a person's shell."""
        began = time.monotonic()
        done = subprocess.run(
            self._command(script, options),
            input=answer,
            stdin=subprocess.DEVNULL if answer is None else None,
            capture_output=True,
            text=True,
            timeout=seconds,
            env=self._environment(),
            check=False,
        )
        said = Done(done.returncode, done.stdout, done.stderr, time.monotonic() - began)
        assert not COLOUR.search(said.out + said.err), f"colours in a pipe: {said!r}"
        assert len(said.out.splitlines()) <= 30, f"more than one screen:\n{said}"
        return said

    def interrupt(self, when: Callable[[], object], *options: str, seconds: float = 60) -> Done:
        """deploy.sh until `when()` is true, then Ctrl-C: SIGINT to the whole group, as a terminal does."""
        return self.disturb(when, lambda process: os.killpg(process.pid, signal.SIGINT), *options, seconds=seconds)

    def disturb(
        self,
        when: Callable[[], object],
        then: Callable[[subprocess.Popen[str]], object],
        *options: str,
        seconds: float = 60,
    ) -> Done:
        """deploy.sh, in which `then(process)` happens once `when()` is true."""
        began, patience = time.monotonic(), Patience(seconds)
        process = subprocess.Popen(
            # What runs in the background ignores SIGINT, these tests perhaps; a shell traps nothing that it began with.
            ["env", "--default-signal=INT", *self._command("deploy.sh", options)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment(),
            start_new_session=True,
        )
        try:
            while not when():
                assert process.poll() is None, f"it ended before the moment came: {process.communicate()}"
                assert not patience.over(), f"the moment never came, after {patience}"
                time.sleep(0.05)
            then(process)
            out, err = process.communicate(timeout=600)
        finally:
            process.kill()
        return Done(process.returncode, out, err, time.monotonic() - began)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text, f"{old!r} is not in {path}"
        (self.root / path).write_text(text.replace(old, new, 1))

    def _command(self, script: str, options: tuple[str, ...]) -> list[str]:
        inventory = self.root / "inventory.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": {name: dict(of) for name, of in self.hosts.items()}}}))
        return [
            str(self.root / "scripts" / "deploy" / script),
            *("--service", self.service, "--inventory", str(inventory)),
            *options,
        ]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "DEPLOY_SSH_SECONDS": "30", **self.environment}


@dataclass(frozen=True)
class Host:
    """A node-container from inside, without the scripts' ssh."""

    engine: Engine
    name: str

    def sh(self, command: str, check: bool = True) -> str:
        return self.engine.enter(self.name, "sh", "-c", command, check=check).strip()

    def write(self, path: str, text: str, mode: str = "600") -> None:
        self.engine.enter(self.name, "sh", "-c", f"umask 077; cat > {path}; chmod {mode} {path}", stdin=text)

    def release(self, service: str = "node-agent") -> str:
        return self.sh(f"basename $(readlink /opt/mendmesh/{service}/current)", check=False)
