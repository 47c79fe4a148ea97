"""``top``: the state of one or several clusters on a whole terminal, to look into and back."""
