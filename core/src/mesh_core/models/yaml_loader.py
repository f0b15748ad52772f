"""The one parser for the YAML of inventories, playbooks and remedies, as Ansible: two could read two things out of one
text. And what writes playbooks."""

from __future__ import annotations

from typing import Any

import yaml

# libyaml where PyYAML has it, as in Ansible: the one in Python refuses tabs that Ansible reads. Which of
# the two it is, is known only when it runs.
SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Five times as fast. It folds some long lines elsewhere than the one in Python: one text, other bytes.
SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
