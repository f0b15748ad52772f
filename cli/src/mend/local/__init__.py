"""A whole mesh on this machine (`mend up`): what would be started, which Redis, the processes. Decides no proposal."""
