"""How to tell those who want to know; never whether to tell."""
