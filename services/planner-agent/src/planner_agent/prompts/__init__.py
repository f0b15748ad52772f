"""What a model is shown of an event, and whether what it says back may be believed. Pure; no model is called here."""
