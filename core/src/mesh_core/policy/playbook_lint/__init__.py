"""What a playbook may contain, judged in pure Python before Ansible sees it. Runs nothing, asks Ansible nothing.

`ansible-playbook --syntax-check` executes lookups in `hosts`, names and imports: checking the syntax *is* running code.
So this comes first: modules and arguments out of one table (modules.yml), templates on their parsed tree.
"""

from mesh_core.policy.playbook_lint.lint import Lint as Lint
from mesh_core.policy.playbook_lint.lint import lint_file as lint_file
from mesh_core.policy.playbook_lint.lint import lint_playbook as lint_playbook
from mesh_core.policy.playbook_lint.lint import lint_playbooks as lint_playbooks
from mesh_core.policy.playbook_lint.lint import lint_proposal as lint_proposal
from mesh_core.policy.playbook_lint.lint import lint_recipe as lint_recipe
from mesh_core.policy.playbook_lint.lint import lint_text as lint_text
from mesh_core.policy.playbook_lint.requested import is_requested as is_requested
from mesh_core.policy.playbook_lint.table import OURS as OURS
from mesh_core.policy.playbook_lint.table import Widened as Widened
