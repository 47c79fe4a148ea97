"""How history is kept and read back."""
