"""What a policy says and why (explanation), what it would say of the past (past_decisions), and what is wrong in it."""
