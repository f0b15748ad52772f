"""The Lua that runs inside Redis: each script is one indivisible step of the delivery protocol. No logic elsewhere.

Every script may be repeated: it looks before it writes.
"""
