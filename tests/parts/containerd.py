"""What runs the containers of a Docker engine of the tests: a containerd of its own, as a Debian machine's engine has.

The one that dockerd starts for itself asks each 13 ms whether there is garbage, and is asked twice a second whether it
is well: a hundredth of a core for each engine, as long as it lives.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from parts import daemon
from parts.require import require

# Garbage is looked for as rarely as its threshold says: so that looking takes no more than this part of the time.
CONFIG = """version = 2
root = "{folder}/containerd"
state = "{folder}/run"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{address}"
[plugins."io.containerd.gc.v1.scheduler"]
pause_threshold = 0.0001
"""


class OwnContainerd:
    """`start()`, then `address`. Ends with `stop()`, or with whoever `prefix` makes it die with."""

    def __init__(self, folder: Path, prefix: list[str]) -> None:
        self._folder, self._prefix = folder, prefix
        self.address = str(folder / "containerd.sock")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Wait until its socket is there. AssertionError with the end of its log."""
        program = require("containerd", "apt-get install docker.io")
        config = self._folder / "containerd.toml"
        config.write_text(CONFIG.format(folder=self._folder, address=self.address))
        log = self._folder / "containerd.log"
        self._process = daemon.start([*self._prefix, program, "--config", str(config)], log)
        if not daemon.is_up(self._process, Path(self.address).exists):
            raise AssertionError(log.read_text(errors="replace")[-2000:])

    def stop(self) -> None:
        if self._process is not None:
            daemon.end(self._process)
