"""A thousand remedies of a person's own: reading the folder, looking whether it changed, rendering the playbooks.

In-run baseline: the YAML of the same files, parsed and nothing else. Prints one table.
Usage: remedies.py [--files 1000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import yaml

from mesh_core.actions.remedies.rendering import rendered
from mesh_core.models.yaml_loader import SafeLoader
from mesh_core.policy.remedy_folder import RemedyFolder


def cpu(work: Callable[[], object]) -> float:
    """Seconds of the processor, the best of three."""
    seconds = []
    for _ in range(3):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    count = parser.parse_args().files
    text = resources.files("mend.remedies").joinpath("skeleton.yml").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as runtime:
        folder = RemedyFolder(Path(runtime))
        folder.folder.mkdir(parents=True)
        for number in range(count):
            (folder.folder / f"scratch_{number:04}.yml").write_text(text, encoding="utf-8")
        register = folder.use()
        own = [register.remedies[name] for name in sorted(register.own)]
        values = {name: param.example for name, param in own[0].params.items()}
        parsed = cpu(lambda: [yaml.load(text, SafeLoader) for _ in range(count)])
        rows = (
            ("parse their YAML alone", parsed),
            ("read the folder, strictly", cpu(lambda: RemedyFolder(Path(runtime)).use())),
            ("look whether it changed", cpu(folder.use)),
            ("render look, apply and proof of each", cpu(lambda: [rendered(one, "web01", values) for one in own])),
        )
    print(f"| {count} remedies | CPU | of the baseline |\n|---|---|---|")
    for name, seconds in rows:
        print(f"| {name} | {seconds * 1000:.0f} ms | {seconds / parsed:.2f} |")


if __name__ == "__main__":
    main()
