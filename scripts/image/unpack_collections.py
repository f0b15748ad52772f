"""Take the Docker collection, and the one that it needs, out of the `ansible` wheel: 2.4 of its 294 MB.

python unpack_collections.py FOLDER-WITH-THE-WHEEL TARGET
"""

import sys
import zipfile
from pathlib import Path

WANTED = ("ansible_collections/community/docker/", "ansible_collections/community/library_inventory_filtering_v1/")

if __name__ == "__main__":
    wheel = next(Path(sys.argv[1]).glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(WANTED) and "/tests/" not in name]
        archive.extractall(sys.argv[2], names)
