"""What is wrong, and what says that it is over: types of events, order of severities, the one incident rule. Pure."""
