"""Chaos: a whole mesh under trouble, and a judge who reads afterwards what it left. Imports nothing of ours.

world starts it, feed and people work with it, trouble breaks it, leftovers gathers, checker judges.
"""
