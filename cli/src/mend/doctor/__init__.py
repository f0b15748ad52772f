"""What `mend doctor` looks at, one room a place where things go wrong. Each check reads only."""
