"""What detectors get to see of the members' logs: by member, by kind, by the events' own time."""

from tests.detect.logs import heard, reads, said
from tests.detect.windows import refused, window

from etcdscope.detect import journal
from etcdscope.model.logs import FSYNC_SLOW, SERVER_READY, SERVER_STARTING, WAL_CORRUPT

OLD = said(900, FSYNC_SLOW)
NEW = said(5, FSYNC_SLOW, seconds=1.2)


def test_events_are_asked_for_by_their_own_time() -> None:
    seen = heard(window(), {"m2": [OLD, NEW]})

    assert journal.events(seen, "m2", FSYNC_SLOW) == (OLD, NEW)
    assert journal.events(seen, "m2", FSYNC_SLOW, within=60) == (NEW,)
    assert journal.events(seen, "m1", FSYNC_SLOW) == ()
    assert journal.last(seen, "m2", FSYNC_SLOW) == NEW
    assert journal.last(seen, "m2", WAL_CORRUPT) is None


def test_what_was_read_before_the_member_was_known_is_the_members() -> None:
    seen = heard(window(looks=[reads("log:m2", "m2")]), {"log:m2": [OLD], "m2": [NEW]})

    assert journal.writers(seen) == ("m2",)
    assert journal.events(seen, "m2", FSYNC_SLOW) == (OLD, NEW)


def test_a_log_of_nobody_known_stands_for_itself() -> None:
    seen = heard(window(), {"log:spare": [NEW]})

    assert journal.writers(seen) == ("log:spare",)
    assert journal.about(seen, "log:spare").kind == "endpoint"
    assert journal.called(seen, "log:spare") == "spare"


def test_last_words_count_until_the_member_lives_again() -> None:
    words = said(30, WAL_CORRUPT, "fatal")
    gone = {"m2": refused(31)}

    assert journal.fatal(heard(window(away=gone), {"m2": [words]}), "m2", WAL_CORRUPT) == words
    assert journal.fatal(heard(window(), {"m2": [words]}), "m2", WAL_CORRUPT) is None
    alive = [words, said(3, SERVER_READY)]
    assert journal.fatal(heard(window(away=gone), {"m2": alive}), "m2", WAL_CORRUPT) is None


def test_starts_are_counted_once_each() -> None:
    lines = [said(age, SERVER_STARTING) for age in (100.2, 100.1, 100.0, 50.1, 50.0, 5.0)]

    assert journal.starts(heard(window(), {"m2": lines}), "m2", 600) == 3
