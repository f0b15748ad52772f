"""Every benchmark, one after another, each in its own process; their tables in one output. Usage: run.py [NAME ...]"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
# decisions.py needs a data set, injection.py asks a model 216 questions (see their --help); two only help others
NOT_A_BENCHMARK = {"run.py", "decisions.py", "injection.py"}


def main() -> int:
    """0 if every one of them ended well."""
    wanted = sys.argv[1:]
    failed = []
    for script in sorted(HERE.glob("*.py")):
        if script.name in NOT_A_BENCHMARK or (wanted and script.stem not in wanted):
            continue
        print(f"\n## {script.stem}\n", flush=True)
        started = time.monotonic()
        if subprocess.run([sys.executable, str(script)], check=False).returncode:
            failed.append(script.stem)
        print(f"\n({time.monotonic() - started:.0f} s)", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
