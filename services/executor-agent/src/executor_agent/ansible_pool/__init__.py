"""A process that has Ansible imported and forks once per play, so that no play pays for the imports. Never decides what
is played; without it, plays take the slow road through plain `ansible-playbook`."""
