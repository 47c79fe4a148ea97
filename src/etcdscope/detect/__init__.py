"""Pure judgement: a window of observations in, findings out; one fault family a file."""
