"""One file per kind of target: its options and how it is checked. Reads only; no probe imports another one."""
