"""The language between the rooms: frozen values and window arithmetic, no I/O, no clock."""
