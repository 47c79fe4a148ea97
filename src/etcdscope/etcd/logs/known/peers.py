"""Peers: streams, probes, handshakes."""

from etcdscope.etcd.logs.known.row import ME, PEER, Row
from etcdscope.model import logs

ROWS: dict[str, Row] = {
    logs.PEER_CONNECTED: Row(
        "a stream to a peer stands",
        (
            "established TCP streaming connection with remote peer",
            rf"~^established a TCP streaming connection with peer {PEER}",
        ),
    ),
    "peer-disconnected": Row(
        "a stream to a peer broke",
        (
            "lost TCP streaming connection with remote peer",
            "closed TCP streaming connection with remote peer",
            "closed an existing TCP streaming connection with remote peer",
            rf"~^lost the TCP streaming connection with peer {PEER}",
            rf"~^closed (?:an existing|the) TCP streaming connection with peer {PEER}",
            rf"~^failed to (?:read|write) {PEER} on stream",
        ),
        ("member-down", "member-isolated", "link-one-way"),
    ),
    "peer-active": Row(
        "a peer is heard again", ("peer became active", rf"~^peer {PEER} became active"), (), True
    ),
    "peer-inactive": Row(
        "a peer is not heard any more",
        (
            "peer became inactive (message send to peer failed)",
            "peer deactivated again",
            rf"~^peer {PEER} became inactive",
        ),
        ("member-down", "member-isolated", "link-one-way"),
        True,
    ),
    "peer-unreachable": Row(
        "a peer cannot be dialled",
        (
            "prober detected unhealthy status",
            "failed to reach the peer URL",
            "failed to get version",
            "failed to dial",
            "failed to fetch cluster from peer",
            "failed to get cluster response",
            rf"~^health check for peer {PEER} could not connect",
            rf"~^failed to dial {PEER} on stream",
            rf"~^cannot get the version of member {PEER}",
            rf"~^failed to reach the peerURL\(.*\) of member {PEER}",
            r"~^could not get cluster response from",
        ),
        ("member-down", "peer-name-unresolvable", "certificate-expired"),
        True,
    ),
    logs.PEER_NAME_UNRESOLVED: Row(
        "the name in a peer's URL does not resolve on this member's host",
        (
            "failed to resolve URL Host",
            "failed to resolve URL host",
            r"~^(?:failed to )?(?:could not resolve|resolve) (?:host|URL)",
        ),
        ("peer-name-unresolvable",),
        True,
    ),
    "host-resolved": Row(
        "a name in a URL was resolved",
        ("resolved URL Host", "resolved URL host", r"~^resolving \S+ to "),
    ),
    "peer-unknown": Row(
        "a peer asks of which this member does not know yet; usual while a cluster starts",
        (
            "failed to find remote peer in cluster",
            "failed to find member in cluster",
            rf"~^failed to find member {PEER} in cluster",
        ),
        ("cluster-id-mixed",),
    ),
    logs.PEER_WAS_REMOVED: Row(
        "a peer that was removed from the cluster still knocks",
        (
            "rejected stream from remote peer because it was removed",
            "rejected Raft message from removed member",
            rf"~^rejected the stream from peer {PEER} since it was removed",
            rf"~^rejected message from removed member {PEER}",
        ),
        ("member-removed-running",),
        True,
    ),
    "cluster-id-mismatch": Row(
        "a peer of another cluster knocks",
        (
            "request cluster ID mismatch",
            "request sent was ignored by remote peer due to cluster ID mismatch",
            "ignored streaming request; cluster ID mismatch",
            r"~^request (?:sent was ignored|cluster ID mismatch|ignored) .*cluster ID mismatch",
        ),
        ("cluster-id-mixed",),
        True,
    ),
    "message-dropped": Row(
        "a raft message could not be queued for a peer: its stream does not take it",
        (
            "dropped internal Raft message since sending buffer is full (overloaded network)",
            "dropped internal Raft message since sending buffer is full",
            r"~^dropped .* to \S+ since .*(?:sending buffer is full|overloaded network)",
        ),
        ("link-lossy", "link-saturated", "member-frozen"),
        True,
    ),
    "raft-message-failed": Row(
        "a raft message could not be processed; usual while a member stops",
        (
            "failed to process Raft message",
            r"~^failed to process raft message",
            "unexpected snapshot message; received when not expected",
        ),
    ),
    logs.CLOCK_DRIFT: Row(
        "this member's clock is ahead of a peer's, or the answer was slow: loss looks the same",
        (
            "prober found high clock drift",
            rf"~^the clock difference against peer {PEER} is too high",
        ),
        ("clock-skewed",),
        True,
    ),
    "connection-rejected": Row(
        "a TLS handshake failed: a wrong or missing certificate, or plain text",
        (
            "rejected connection",
            "rejected connection on client endpoint",
            "rejected connection on peer endpoint",
            r'~^rejected connection from "(?P<remote>[^"]*)" \(error "(?P<error>.*?)", ServerName',
            r"~^http: TLS handshake error from (?P<remote>\S+): (?P<error>.*)",
        ),
        ("certificate-expired", "certificate-mismatched"),
        True,
    ),
    "peer-starting": Row(
        "a peer's streams are set up",
        (
            "added remote peer",
            "added new remote peer",
            "starting remote peer",
            "started remote peer",
            "started stream writer with remote peer",
            "started stream reader with remote peer",
            "started HTTP pipelining with remote peer",
            "set message encoder",
            "updated remote peer",
            rf"~^updated peer {PEER}",
            "initialized peer connections; fast-forwarding election ticks",
            "starting initial election tick advance",
            "adding peers from new cluster configuration",
            "added peers from new cluster configuration",
            rf"~^(?:added|starting|started) peer {PEER}",
            rf"~^started (?:streaming|HTTP pipelining) with peer {PEER}",
            rf"~^{ME} initialized peer connection; fast-forwarding",
            r"~^(?:finished )?adding peers from new cluster configuration",
        ),
    ),
    "peer-stopping": Row(
        "a peer's streams are taken down",
        (
            "stopping remote peer",
            "stopped remote peer",
            "stopped stream reader with remote peer",
            "stopped stream writer with remote peer",
            "stopped TCP streaming connection with remote peer",
            "stopped HTTP pipelining with remote peer",
            "removed remote peer",
            "removing old peers from network",
            "removed old peers from network",
            rf"~^(?:stopping|stopped|removed) peer {PEER}",
            rf"~^stopped (?:streaming|HTTP pipelining) with peer {PEER}",
            r"~^(?:finished )?removing old peers from network",
        ),
    ),
}
