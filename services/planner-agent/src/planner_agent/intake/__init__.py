"""What becomes of an event that comes in: is it worth a model's time, is it put aside, whose turn is it? Plans none."""
