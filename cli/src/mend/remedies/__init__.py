"""What `mend remedies` stands on: a skeleton to begin with, and a trial that looks and changes nothing."""
