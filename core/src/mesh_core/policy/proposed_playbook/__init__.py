"""What stands against the playbook that a proposal brings: its tasks, whom it becomes, how much it risks, its login."""
