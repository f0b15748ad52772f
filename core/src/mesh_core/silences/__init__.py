"""Where nothing is proposed for a while: the record, its files, a person's verbs."""
