"""What lies in pending/ of this planner: drafts of it, what was told before, what is taken back. Approves nothing."""
