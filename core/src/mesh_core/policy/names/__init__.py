"""What the mesh calls a host and a service that somebody calls otherwise. Decides nothing, touches no host."""
