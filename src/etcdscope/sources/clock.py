"""What HTTP's ``Date`` says of a member's clock."""

from collections import deque
from email.utils import parsedate_to_datetime

# Looks that bound the offset together: at one in five seconds, a minute. Clocks drift by
# milliseconds in that time; one that is stepped contradicts them all.
LOOKS = 12


class ClockOffset:
    """Narrows down by how much a member's clock is ahead of ours.

    ``Date`` has whole seconds, so one look leaves more than a second open; looks at other
    fractions of the second cut that down.
    """

    def __init__(self) -> None:
        self._bounds: deque[tuple[float, float]] = deque(maxlen=LOOKS)

    def seen(self, date: str, asked: float, answered: float) -> float | None:
        """Return the smallest offset that explains the last looks, in seconds; 0 if none is needed.

        ``asked`` and ``answered``: our unix seconds around the moment that ``date`` tells.
        None for a date that is none.
        """
        try:
            told = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return None
        # The member's clock was in [told, told + 1) at some moment in [asked, answered].
        self._bounds.append((told - answered, told + 1.0 - asked))
        low = max(low for low, _ in self._bounds)
        high = min(high for _, high in self._bounds)
        if low > high:  # a clock was stepped: only the last look counts
            low, high = self._bounds[-1]
            self._bounds.clear()
            self._bounds.append((low, high))
        return min(max(low, 0.0), high)
