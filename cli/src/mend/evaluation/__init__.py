"""How well the planner judges, measured: labelled events against what comes of them. Proposes and publishes nothing."""
