"""``etcdscope logs`` as text, for somebody who was just woken: what happened, who, how long.

Pure: a digest in, lines out. ``width`` is None where lines are not broken.
"""

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from itertools import chain, repeat

from rich.text import Text

from etcdscope.etcd.logs.messages import TABLE
from etcdscope.etcd.logs.traces import VERDICTS
from etcdscope.model.incident import Level
from etcdscope.model.logs import (
    BACKEND_CORRUPT,
    CLOCK_DRIFT,
    DISK_FULL,
    FSYNC_SLOW,
    HEARTBEAT_LATE,
    RAFT_STATE_LOST,
    SELF_REMOVED,
    SERIOUS,
    SKIPPED,
    WAL_CORRUPT,
    LogEvent,
)
from etcdscope.surfaces.lines import EMPTY, Line, fold, line
from etcdscope.surfaces.logs.digest import Digest, Episode, Log
from etcdscope.surfaces.signs import DIM, LEVELS
from etcdscope.surfaces.words import called, clock, count, day, duration, host, share, size

# So many rows of each table; what is left out is counted.
MOST_ROWS = 200
MOST_ASKERS = 12
MOST_UNKNOWN = 12
NAMED = 18  # columns of a log's name in a row
_BRIEF = 90  # of an error that is none of the serious ones
# What a member does not survive, or a cluster should not.
_GRAVE = frozenset({WAL_CORRUPT, BACKEND_CORRUPT, RAFT_STATE_LOST, DISK_FULL, SELF_REMOVED,
                    "hash-differs", "inconsistent-start", "quota-exceeded", "save-failed",
                    "raft-stepped-down", "panic"})  # fmt: skip
_PLAIN = frozenset({"raft-leader", "leader-elected", "server-ready", "server-starting",
                    "peer-active", "member-promoted", "alarm-disarmed"})  # fmt: skip


def logs(digest: Digest, *, width: int | None = None, zone: tzinfo | None = None) -> list[Text]:
    """Return what ``etcdscope logs`` prints."""
    sections = (
        [_headline(digest, zone), *(_log(log) for log in digest.logs)],
        list(_short(digest)),
        _timeline(digest, zone),
        list(_asked(digest)),
        list(_traced(digest)),
        list(_beware(digest)),
        list(_unknown(digest)),
    )
    lines = [one for section in sections if section for one in (*section, EMPTY)]
    return fold(lines[:-1], width)


def sentence(event: LogEvent, often: int, names: Mapping[str, str]) -> str:
    """Return an episode in words: what it means, how often, how bad, about whom."""
    if event.kind == SKIPPED:
        return f"{event.text}: {size(event.bytes or 0)} were left out"
    means = TABLE[event.kind].means if event.kind in TABLE else event.text
    parts = [means]
    if event.peer:
        parts.append(f"peer {called(event.peer, names)}")
    if event.host:
        parts.append(host(event.host))
    if event.term is not None:
        parts.append(f"term {event.term}")
    if event.seconds is not None:
        parts.append(f"up to {duration(event.seconds)}" if often > 1 else duration(event.seconds))
    if often > 1:
        parts.append(_times(often))
    said = "; ".join(parts)
    error = event.error if event.level in SERIOUS else _cut(event.error)
    return f"{said}: {error}" if error else said


def _times(often: int) -> str:
    return "once" if often == 1 else f"{count(often)} times"


def _lines(often: int) -> str:
    return f"{count(often)} line{'s' if often != 1 else ''}"


def _headline(digest: Digest, zone: tzinfo | None) -> Line:
    total = sum(log.tally.lines for log in digest.logs)
    with_lines = [log for log in digest.logs if log.tally.lines]
    if not with_lines:
        return line("", ("no line of a log was read", "bold"))
    begin, end = min(log.begin for log in with_lines), max(log.end for log in with_lines)
    date = "" if day(end, zone) == day(begin, zone) else f"{day(end, zone)} "
    known = share(total - digest.unknown.total(), total)
    span = f"{day(begin, zone)} {clock(begin, zone)} to {date}{clock(end, zone)}"
    return line(
        "",
        (f"{_lines(total)}, {span}", "bold"),
        f"; {known} of them known",
    )


def _cut(error: str) -> str:
    return error if len(error) <= _BRIEF else f"{error[:_BRIEF].rstrip()}…"


def _log(log: Log) -> Line:
    who = f"member {log.member}" if log.member else "of no member that it names"
    return line("  ", (f"{log.name}  ", "bold"), (f"{who}, {_lines(log.tally.lines)}", DIM))


def _short(digest: Digest) -> Iterator[Line]:
    """Yield the few sentences that a reader needs first."""
    heads = chain(("In short  ",), repeat(" " * 10))
    won = {e.event.term: e for e in digest.timeline if e.event.kind == "raft-leader"}
    if won:
        leaders = ", ".join(f"{e.log} (term {term})" for term, e in list(won.items())[:8])
        elections = "an election" if len(won) == 1 else f"{count(len(won))} elections"
        yield line(next(heads), f"{elections}, won by {leaders}.")
    for log in digest.logs:
        kinds = digest.kinds[log.name]
        serious = {
            kind: TABLE[kind].means
            for e in digest.episodes
            if e.log == log.name and (kind := e.event.kind) in _GRAVE
        }
        if kinds[FSYNC_SLOW]:
            serious[FSYNC_SLOW] = f"{_times(kinds[FSYNC_SLOW])} {TABLE[FSYNC_SLOW].means}"
        for means in serious.values():
            yield line(next(heads), *_whose(digest, log), f"{means}.")


def _whose(digest: Digest, log: Log) -> list[tuple[str, str]]:
    """Return the name of a log before what is said of it; a single one needs none."""
    return [(f"{_shortened(log.name)}: ", "bold")] if len(digest.logs) > 1 else []


def _shortened(name: str) -> str:
    """Return a log's name as it fits beside what happened: files may have long ones."""
    return name if len(name) <= NAMED else f"{name[: NAMED - 1]}…"


def _timeline(digest: Digest, zone: tzinfo | None) -> list[Line]:
    if not digest.episodes:
        return [line("", ("Nothing happened that matters.", "bold"))]
    won = {e.event.term for e in digest.episodes if e.event.kind == "raft-leader"}
    rows = [  # who won needs not be told by all the others again
        e for e in digest.timeline if e.event.kind != "leader-elected" or e.event.term not in won
    ]
    alone = len(digest.logs) == 1
    wide = max(len(_shortened(episode.log)) for episode in rows)
    names = digest.names
    shown = rows if len(rows) <= MOST_ROWS else _weightiest(rows)
    lines = [line("", ("What happened", "bold"))]
    today = ""
    for episode in shown:
        if (date := day(episode.since, zone)) != today:
            lines.append(line("  ", (date, DIM)))
            today = date
        until = clock(episode.until, zone) if episode.until - episode.since >= 1 else ""
        span = f"{clock(episode.since, zone)}{'–' + until if until else '':<9}"
        whose = "" if alone else f" {_shortened(episode.log):<{wide}}"
        head = Text.assemble(f"  {span}{whose} ", _sign(episode.event), " ")
        lines.append(Line(head, Text(sentence(episode.event, episode.count, names))))
    if left := len(rows) - len(shown) + digest.dropped:
        said = f"{count(left)} lighter episodes are left out; --json has them."
        lines.append(line("  ", (said, DIM)))
    return lines


def _weightiest(rows: list[Episode]) -> list[Episode]:
    """Return as many episodes as are shown, in order of time: the serious first, then the long."""
    order = sorted(rows, key=lambda e: (-_weight(e.event), -e.count, e.since))[:MOST_ROWS]
    return sorted(order, key=lambda e: (e.since, e.log))


def _weight(event: LogEvent) -> int:
    if event.level in SERIOUS:
        return 2
    return 0 if event.kind in _PLAIN else 1


def _sign(event: LogEvent) -> tuple[str, str]:
    level = (Level.OK, Level.WARNING, Level.CRITICAL)[_weight(event)]
    sign = LEVELS[level]
    return (" ", "") if level is Level.OK else (sign.shape, sign.style)


def _asked(digest: Digest) -> Iterator[Line]:
    """Yield the slow requests: by client where the log names it, else by what was asked."""
    rows = sorted(digest.asked.values(), key=lambda a: (-a.count * a.seconds, a.prefix))
    if not rows:
        return
    yield line("", ("Slow requests", "bold"))
    for row in rows[:MOST_ASKERS]:
        parts = [f"{_times(row.count)}, up to {duration(row.seconds)}"]
        if row.entries:
            parts.append(f"up to {count(row.entries)} keys")
        if row.bytes:
            parts.append(f"up to {size(row.bytes)}")
        who = row.client or "(client not logged)"
        yield line("  ", f"{who}  {row.operation} {row.prefix}  ", (", ".join(parts), DIM))
    if len(rows) > MOST_ASKERS:
        yield line("  ", (f"and {count(len(rows) - MOST_ASKERS)} more", DIM))


def _traced(digest: Digest) -> Iterator[Line]:
    rows = sorted(digest.traced.values(), key=lambda t: -t.count)
    if not rows:
        return
    yield line("", ("Where traced requests spent their time", "bold"))
    for row in rows:
        total = sum(row.seconds.values()) or 1.0
        spent = sorted(row.seconds.items(), key=lambda one: -one[1])[:4]
        stage = spent[0][0] if spent else "other"
        shares = ", ".join(f"{name} {share(seconds, total)}" for name, seconds in spent)
        yield line(
            "  ",
            f"{row.operation}, {count(row.count)} of them, up to {duration(row.slowest)}: "
            f"{VERDICTS[stage]}. ",
            (f"({shares})", DIM),
        )


def _beware(digest: Digest) -> Iterator[Line]:
    """Yield where etcd's own guess may be wrong."""
    notes = []
    for log in digest.logs:
        kinds = digest.kinds[log.name]
        if kinds[HEARTBEAT_LATE] and not kinds[FSYNC_SLOW]:
            notes.append(
                f"{log.name}: etcd guesses a slow disk where heartbeats were late, but no fsync"
                " took over a second there: too little CPU, a paused process, or a disk of 0.3 s"
                " fit as well."
            )
        if kinds[CLOCK_DRIFT]:
            notes.append(
                f"{log.name}: what etcd calls clock drift is packet loss as often; compare clocks."
            )
    if notes:
        yield line("", ("Beware", "bold"))
        yield from (line("  ", note) for note in notes)


def _unknown(digest: Digest) -> Iterator[Line]:
    unknown = digest.unknown
    if not unknown:
        return
    yield line("", (f"Messages that etcdscope does not know ({count(unknown.total())})", "bold"))
    for text, often in unknown.most_common(MOST_UNKNOWN):
        yield line("  ", (f"{count(often):>6}  ", DIM), text)
    if len(unknown) > MOST_UNKNOWN:
        yield line("  ", (f"and {count(len(unknown) - MOST_UNKNOWN)} more", DIM))
