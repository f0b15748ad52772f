"""What several commands show: a proposal's card, previews, obstacles, silences, progress. It only prints."""
