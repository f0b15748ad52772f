"""What one check says, how many of them have to agree, and the evidence that may travel with it. Pure."""
