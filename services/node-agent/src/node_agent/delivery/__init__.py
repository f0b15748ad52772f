"""Events on their way to Redis: on disk first, then in order, each exactly once. Decides nothing about them."""
