"""From approved/ to the end of a run, one action after the other: claim, execute, take back, recover after a crash."""
