"""How a service lives: settings, logs, metrics, health, its loops, who stands by."""
