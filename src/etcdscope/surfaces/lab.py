"""The lab as text: its members, its faults, and the faults there are."""

from collections.abc import Sequence
from datetime import tzinfo

from rich.text import Text

from etcdscope.lab.injection import FaultKind
from etcdscope.lab.status import FaultStatus, LabStatus, LoadStatus, MemberStatus
from etcdscope.model.incident import Level
from etcdscope.surfaces.lines import EMPTY, Line, fold, line
from etcdscope.surfaces.signs import CROWN, DIM, LEVELS, Sign, marks
from etcdscope.surfaces.words import clock, duration, host


def lab(found: LabStatus, width: int | None = None, zone: tzinfo | None = None) -> list[Text]:
    """Return a lab, with the commands that go on from it."""
    signs = marks(m.member_id for m in found.members)
    ends = ",".join(found.endpoints)
    return fold(
        [
            line(
                "",
                (f"etcd {found.version}, {len(found.members)} members", "bold"),
                (f"  {found.network}, up since {clock(found.started.timestamp(), zone)}", DIM),
            ),
            *(_member(m, signs[m.member_id]) for m in found.members),
            *([_load(found.load)] if found.load else []),
            *(_fault(fault, zone) for fault in found.faults),
            *(line("  ", (problem, "red")) for problem in found.problems),
            EMPTY,
            line("  ", f"export ETCDCTL_ENDPOINTS={ends}", whole=True),
            *_tls(found),
        ],
        width,
    )


def _member(member: MemberStatus, sign: Sign) -> Line:
    role = f"{CROWN} {member.role}" if member.role == "leader" else member.role
    head = Text("  ").append(sign.shape, style=sign.style).append(f" {member.name}  {role:10}  ")
    process = f"process {member.pid}" if member.pid else ""
    return Line(head, Text.assemble(f"{host(member.client_url):21}  ", (process, DIM)))


def _load(load: LoadStatus) -> Line:
    p99 = f", p99 {duration(load.p99_s)}" if load.p99_s is not None else ""
    missed = f", {load.failed} failed, {load.missed} missed" if load.failed or load.missed else ""
    return line("  load: ", f"{load.spec.rate:.0f} writes a second{p99}{missed}")


def _fault(fault: FaultStatus, zone: tzinfo | None) -> Line:
    sign = LEVELS[Level.WARNING]
    whom = f" on {', '.join(fault.members)}" if fault.members else ""
    since = clock(fault.at.timestamp(), zone)
    return line(
        "  ",
        (f"{sign.shape} ", sign.style),
        f"fault {fault.number}: {fault.name}{whom} since {since}",
    )


def _tls(found: LabStatus) -> list[Line]:
    if found.certificates is None:
        return []
    files = found.certificates
    return [
        line(
            "  ",
            f"export ETCDCTL_CACERT={files.ca} ETCDCTL_CERT={files.cert} ETCDCTL_KEY={files.key}",
            whole=True,
        )
    ]


def kinds(known: Sequence[FaultKind], width: int | None = None) -> list[Text]:
    """Return the faults that there are."""
    broad = max(len(kind.name) for kind in known)
    lines: list[Line] = []
    for kind in known:
        options = " ".join(f"{name}={value}" for name, value in kind.options.items())
        needs = f"needs {kind.needs}" if kind.needs_root else ""
        facts = " · ".join(filter(None, (kind.target and f"hits {kind.target}", options, needs)))
        lines.append(Line(Text(f"{kind.name:{broad}}  ", style="bold"), Text(kind.doc)))
        lines.append(Line(Text(" " * (broad + 2)), Text(facts, style=DIM)))
    return fold(lines, width)


def objects(known: Sequence[FaultKind]) -> list[dict[str, object]]:
    """Return what ``lab faults --json`` prints; what does not apply is left out."""
    return [
        {
            "name": kind.name,
            "says": kind.doc,
            **({"hits": kind.target} if kind.target else {}),
            "options": {name: str(value) for name, value in kind.options.items()},
            **({"needs": kind.needs} if kind.needs_root else {}),
        }
        for kind in known
    ]
