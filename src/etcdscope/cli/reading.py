"""logs."""

import sys
from typing import Annotated

from cyclopts import Parameter

from etcdscope.cli.access import Output


def logs(
    *files: Annotated[
        str, Parameter(help="A log, plain or gzip'd: FILE, NAME=FILE, or - for standard input.")
    ],
    json: Annotated[bool, Parameter(help="Print JSON.", negative="")] = False,
    output: Output = Output(),
) -> int:
    """Read members' logs offline: elections, slow disks, slow requests by client, what is new."""
    from etcdscope.etcd.errors import SettingsError
    from etcdscope.etcd.logs.reader import Reader
    from etcdscope.sources.logs import offline
    from etcdscope.surfaces.logs.digest import Digest

    if not files:
        raise SettingsError("logs: name a file, or - for standard input.")
    digest = Digest()
    for file in files:
        name, where = offline.named(file)
        reader = Reader()
        digest.read(name, offline.events(where, reader), reader.tally)
    if json:
        import msgspec

        from etcdscope.surfaces.logs.objects import objects

        sys.stdout.write(msgspec.json.encode(objects(digest)).decode() + "\n")
        return 0
    from etcdscope.surfaces.console import open_console, say, width_of
    from etcdscope.surfaces.logs import text

    console = open_console(colour=output.color)
    say(console, text.logs(digest, width=width_of(console)))
    return 0
