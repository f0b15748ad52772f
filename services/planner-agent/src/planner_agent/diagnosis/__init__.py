"""From one event to one answer: which models are asked, how much they may be, which answer counts. Files nothing."""
