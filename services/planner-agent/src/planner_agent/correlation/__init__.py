"""What explains a trouble, so that it is not proposed beside it: a cause, a storm, what is at work on its host."""
