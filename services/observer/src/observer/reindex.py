"""`python -m observer.reindex RUNTIME`: makes the index anew while no observer runs. `mend reindex` starts it.

Touches index/ only. Exit status 3: somebody else writes the index.
"""

from __future__ import annotations

from mesh_core.runtime.log import setup

import sys
from pathlib import Path

from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.storage.reindexing import IndexFolder
from observer.index.indexer import Indexer

BUSY = 3


def main(runtime: Path) -> int:
    """Until all files are in it. Raises OSError."""
    folder = IndexFolder(runtime)
    with folder.sole_writer() as ours:
        if not ours:
            return BUSY
        indexer = Indexer(runtime, ActionFolders(runtime))
        indexer.discard()
        try:
            while indexer.step():
                pass
        finally:
            indexer.close()
    return 0


if __name__ == "__main__":
    setup("reindex", level="warning")
    raise SystemExit(main(Path(sys.argv[1])))
