"""audit.jsonl: who decided what. Written here and nowhere else; moves no file and decides nothing."""
