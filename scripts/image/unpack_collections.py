"""Take the collections that playbooks may use out of the `ansible` wheel: 2.6 of its 294 MB.

python unpack_collections.py FOLDER-WITH-THE-WHEEL TARGET

Docker's and the one that it needs, ansible.posix, and of community.general only the modules of its row in the lint's
table (playbook_lint/modules.yml): the whole collection is 25 MB.
"""

import sys
import zipfile
from pathlib import Path

WHOLE = ("community/docker", "community/library_inventory_filtering_v1", "ansible/posix")
SINGLE = ("MANIFEST.json", "COPYING", "plugins/modules/timezone.py", "plugins/modules/ufw.py")
HERE = "ansible_collections/"
WANTED = (*(f"{HERE}{name}/" for name in WHOLE), *(f"{HERE}community/general/{name}" for name in SINGLE))

if __name__ == "__main__":
    wheel = next(Path(sys.argv[1]).glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(WANTED) and "/tests/" not in name]
        archive.extractall(sys.argv[2], names)
