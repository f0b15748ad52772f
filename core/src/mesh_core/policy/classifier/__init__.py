"""What people chose for events with such fields: weights learnt from labelled events, and what they say of one."""
