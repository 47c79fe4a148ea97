"""What tells two causes apart that look alike: the best test for each pair.

A row reads: do this; if it shows ``one_if``, it is the one, if ``other_if``, the other. Commands
have the same blanks as those of a runbook.
"""

from dataclasses import dataclass

from etcdscope.model.finding import NextTest, Outcome


@dataclass(frozen=True, slots=True)
class Separator:
    """One pair, and what tells it apart."""

    one: str
    other: str
    say: str
    run: str
    one_if: str
    other_if: str

    def test(self, cause: str) -> NextTest:
        """Return the test, with the outcome that confirms ``cause`` first."""
        outcomes = (Outcome(self.one_if, self.one), Outcome(self.other_if, self.other))
        return NextTest(self.say, self.run, outcomes if cause == self.one else outcomes[::-1])


_PEER_SOCKETS = "ss -tin '( dport = :2380 or sport = :2380 )'"

TABLE: tuple[Separator, ...] = (
    Separator(
        "link-lossy",
        "link-saturated",
        "Look at the peer sockets on the leader's host, and at what the interface carries",
        f"{_PEER_SOCKETS}; sar -n DEV 1 5",
        "retransmits grow while the interface is far from its rate",
        "the interface is at its rate",
    ),
    Separator(
        "link-lossy",
        "link-slow",
        "Ping from host to host, a hundred times",
        "ping -c 100 -i 0.2 {peer_host}",
        "replies are missing",
        "all come, and all late",
    ),
    Separator(
        "link-slow",
        "link-saturated",
        "Stop the bulk traffic (a backup, a member that catches up), or wait for its end",
        "sar -n DEV 1 5",
        "the delay stays",
        "the delay goes",
    ),
    Separator(
        "wal-fsync-slow",
        "cpu-starved",
        "Look at what the process waits for on its host",
        "grep -H . /proc/pressure/cpu /proc/pressure/io; grep throttled"
        " /sys/fs/cgroup/$(cut -d: -f3 /proc/$(pidof etcd)/cgroup | head -1)/cpu.stat",
        "io pressure is high and nothing is throttled",
        "cpu pressure is high, or throttled counts grow",
    ),
    Separator(
        "wal-fsync-slow",
        "storage-stalled-together",
        "Measure the disks of two members at the same time",
        "iostat -x 1 5",
        "only this one's await is high",
        "both are high at the same moments",
    ),
    Separator(
        "wal-fsync-slow",
        "link-lossy",
        "Look at the follower's disk and at its peer sockets",
        f"iostat -x 1 5; {_PEER_SOCKETS}",
        "its await is high, and no retransmits grow",
        "its disk is quick, and retransmits grow",
    ),
    Separator(
        "cpu-starved",
        "link-lossy",
        "Look at the member's throttling and at its peer sockets",
        f"grep -H . /proc/pressure/cpu; {_PEER_SOCKETS}",
        "cpu pressure is high, and no retransmits grow",
        "it is not throttled, and retransmits grow",
    ),
    Separator(
        "member-frozen",
        "member-down",
        "Look at the process on its host",
        "ps -o stat,etime,cmd -C etcd",
        "it is there (T: stopped, D: waits for its disk)",
        "there is none",
    ),
    Separator(
        "member-frozen",
        "cpu-starved",
        "Look at the state of the process on its host, twice",
        "ps -o stat,time,cmd -C etcd; sleep 2; ps -o stat,time,cmd -C etcd",
        "it has got no CPU time in between",
        "it has got a little",
    ),
    Separator(
        "member-isolated",
        "link-one-way",
        "Try the peer port of each other member from its host",
        "nc -vz {peer_host} {peer_port}",
        "none can be reached",
        "some can be reached",
    ),
    Separator(
        "member-down",
        "member-unreachable",
        "Ask it on its own host",
        "etcdctl --endpoints {endpoint} endpoint status",
        "nothing answers",
        "it answers: what is cut is the way from here",
    ),
    Separator(
        "link-slow",
        "apply-lag",
        "Compare its committed with its applied index",
        "etcdctl --endpoints {endpoint} endpoint status -w json",
        "they are the same",
        "applied stays behind",
    ),
    Separator(
        "read-index-slow",
        "apply-lag",
        "Compare its committed with its applied index",
        "etcdctl --endpoints {endpoint} endpoint status -w json",
        "they are the same: the leader or the way to it",
        "applied stays behind",
    ),
)

_BY_PAIR = {frozenset((row.one, row.other)): row for row in TABLE}


def separator(cause: str, other: str) -> NextTest | None:
    """Return what would tell the two apart, None where nothing is known."""
    row = _BY_PAIR.get(frozenset((cause, other)))
    return row.test(cause) if row else None
