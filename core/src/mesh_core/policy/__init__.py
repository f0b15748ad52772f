"""What may be done: facts of an event, policy, inventory, the lint of playbooks. Runs nothing."""
