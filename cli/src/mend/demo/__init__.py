"""`mend drill`: a target of its own that is broken for real, and the steps from there to proven healthy."""
