"""One Redis: the bus, consumer groups, hand-published messages, what is known to be on its disk."""
