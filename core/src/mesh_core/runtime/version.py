"""Which Mendmesh this is: the same in every package of the checkout (a test compares). Imports nothing."""

VERSION = "0.1.0"
