"""Who may come in, who may write where, and what no text may carry out: secrets."""
