"""May it run? An approved file as it lies there, and every check that stands before its run. Touches no host."""
