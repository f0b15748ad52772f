"""Watches one host and publishes what is wrong with it. Reads only: nothing here can change a host."""
