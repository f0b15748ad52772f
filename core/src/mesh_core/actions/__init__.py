"""What can be done to a host once a person said yes, one file an action. Pure; runs nothing."""
