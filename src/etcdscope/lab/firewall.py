"""Finds `iptables-restore`: the machine's, else Debian's, unpacked and not installed."""

import fcntl
import functools
from pathlib import Path
from typing import Final

from etcdscope.lab.children import which
from etcdscope.lab.debian import DebianError, PrivateApt, machine_source
from etcdscope.lab.programs import cache_folder, unpacking
from etcdscope.lab.spec import LabError

# iptables itself and what it is linked with; all small.
PACKAGES: Final = (
    "iptables",
    "libip4tc2",
    "libip6tc2",
    "libxtables12",
    "libnftnl11",
    "libmnl0",
    "libnetfilter-conntrack3",
    "libnfnetlink0",
)


@functools.cache
def restore_argv() -> tuple[str, ...]:
    """The command that reads rules from its standard input; blocks (seconds, the first time)."""
    if installed := which("iptables-restore"):
        return (installed,)
    try:
        return unpacked(cache_folder())
    except DebianError as error:
        raise LabError(
            f"network faults need iptables, which is not on this machine and could not be fetched "
            f"({error}): apt-get install iptables"
        ) from None


def unpacked(folder: Path) -> tuple[str, ...]:
    """Debian's iptables below `folder`, fetched if need be."""
    place = folder / "iptables"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:  # the lock under which programs are fetched
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            _fetch(folder, place)
    (library,) = place.glob("usr/lib/*/xtables")
    libraries = f"{library.parent}:{place}/lib/{library.parent.name}"
    variables = (f"LD_LIBRARY_PATH={libraries}", f"XTABLES_LIBDIR={library}")
    return ("env", *variables, str(place / "usr/sbin/xtables-nft-multi"), "iptables-restore")


def _fetch(folder: Path, place: Path) -> None:
    source = machine_source()
    if source.suite is None:
        raise DebianError("the apt sources of this machine name no release")
    apt = PrivateApt(folder / f".apt-{source.suite}", source, source.suite)
    apt.refresh()
    with unpacking(place) as into:
        for package in PACKAGES:
            versions = apt.versions(package)
            if not versions:
                raise DebianError(f"Debian {source.suite} has no {package}")
            apt.unpack(package, versions[0], into)
        multi = into / "usr/sbin/xtables-nft-multi"
        if not multi.exists():
            raise DebianError("its package holds no xtables-nft-multi")
