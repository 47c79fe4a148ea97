"""Amounts as people read them."""

KIB, MIB, GIB = 2**10, 2**20, 2**30


def size(of_bytes: float) -> str:
    """Return a size in the unit that fits: 300 KiB, 64 MiB, 1.5 GiB, 20 GiB."""
    if of_bytes >= 10 * GIB:
        return f"{of_bytes / GIB:.0f} GiB"
    if of_bytes >= GIB:
        return f"{of_bytes / GIB:.1f} GiB"
    if of_bytes >= MIB or of_bytes == 0:
        return f"{of_bytes / MIB:.0f} MiB"
    return f"{of_bytes / KIB:.0f} KiB"
