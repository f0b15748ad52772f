"""What lies in pending/ of this planner: drafts of it, what was told before, what is withdrawn. Approves nothing."""
