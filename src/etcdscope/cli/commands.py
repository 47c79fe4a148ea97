"""The tree of commands; each is imported when it is called."""

from cyclopts import App, Group

from etcdscope import __version__

WATCHING = Group.create_ordered("Watching")
LEARNING = Group.create_ordered("Understanding")
TRYING = Group.create_ordered("Trying it")

app = App(
    name="etcdscope",
    help="Watches etcd clusters: what goes wrong, why, and what to do, before it is too late.",
    help_epilogue="Flags and variables mean what they mean to etcdctl: --endpoints, ETCDCTL_*.",
    version=__version__,
    version_flags=["--version", "-V"],
    help_format="plaintext",
    result_action="return_value",
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
)
_ROOM = "etcdscope.cli"
app.command(
    f"{_ROOM}.watching:check",
    name="check",
    sort_key=1,
    group=WATCHING,
    help="One look: a verdict, the evidence, an exit code.",
)
app.command(
    f"{_ROOM}.watching:watch",
    name="watch",
    sort_key=2,
    group=WATCHING,
    help="Incidents as they open and close, until stopped.",
)
app.command(
    f"{_ROOM}.dashboard:top",
    name="top",
    sort_key=3,
    group=WATCHING,
    help="The whole state on one screen, to look into.",
)
app.command(
    f"{_ROOM}.watching:serve",
    name="serve",
    sort_key=4,
    group=WATCHING,
    help="The agent: watches, keeps history, tells others.",
)
app.command(
    f"{_ROOM}.watching:replay",
    name="replay",
    sort_key=5,
    group=WATCHING,
    help="Judges a recording again.",
)
app.command(
    f"{_ROOM}.reading:logs",
    name="logs",
    group=LEARNING,
    help="Reads members' logs offline: what happened, and who asked for too much.",
)
app.command(
    f"{_ROOM}.registry:registry",
    name="registry",
    group=LEARNING,
    help="Who fills the database: resources, namespaces, objects; live, or a snapshot.",
)
app.command(
    f"{_ROOM}.learning:explain",
    name="explain",
    group=LEARNING,
    help="A cause, a signal or a metric: what it means, what to do.",
)
app.command(
    f"{_ROOM}.learning:completion",
    name="completion",
    group=LEARNING,
    help="Prints the completion script of a shell.",
)
app.command(
    f"{_ROOM}.learning:install_completion",
    name="--install-completion",
    help="Lets your shell complete commands and flags.",
)
app.command(
    f"{_ROOM}.trying:demo",
    name="demo",
    group=TRYING,
    help="A real cluster, real faults and a tour, on this machine.",
)

lab = App(name="lab", help="A real local cluster, and real faults for it.", group=TRYING)
for _name, _help in (
    ("up", "Brings a cluster up and leaves it running."),
    ("status", "Shows the labs that run, their members and faults."),
    ("fault", "Does harm to a member."),
    ("heal", "Undoes one fault, or all."),
    ("down", "Takes a cluster down and removes what it left."),
    ("faults", "Lists the faults there are."),
):
    lab.command(f"{_ROOM}.trying:{_name}", name=_name, help=_help)
app.command(lab)
