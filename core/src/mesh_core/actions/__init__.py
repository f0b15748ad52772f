"""What can be done to a host once a person said yes: one file an action type, one line in register.py. Runs nothing."""
