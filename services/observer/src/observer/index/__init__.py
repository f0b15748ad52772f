"""An index over events/ and actions/ in SQLite. The files are the truth; it may be lost and is made anew."""
