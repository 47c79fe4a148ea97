"""The clusters that rows and works ask for, by name."""

from typing import Final

from etcdscope.lab.spec import KIB, MIB, LabSpec, LoadSpec

# Changing load, a fifth of it linearizable reads.
LOAD: Final = LoadSpec(rate=60, shape="sine", period_s=30, low=0.3, reads=0.2)
# One rule of the mixin (etcdGRPCRequestsSlow) reads a histogram that only this flag brings.
FLAGS: Final = ("--metrics=extensive",)

SPECS: Final = {
    "three": LabSpec(version="3.5", load=LOAD, extra_flags=FLAGS),
    "three-3.4": LabSpec(version="3.4", load=LOAD, extra_flags=FLAGS),
    "five": LabSpec(version="3.5", members=5, load=LOAD, extra_flags=FLAGS),
    "two": LabSpec(version="3.5", members=2, load=LOAD, extra_flags=FLAGS),
    "small-quota": LabSpec(
        version="3.5", quota_bytes=64 * MIB, load=LoadSpec(rate=20), extra_flags=FLAGS
    ),
    # More bytes than a thin line carries.
    "bulky": LabSpec(
        version="3.5", load=LoadSpec(rate=80, value_bytes=4 * KIB, keys=200), extra_flags=FLAGS
    ),
    "tls": LabSpec(version="3.5", tls=True, load=LOAD, extra_flags=FLAGS),
    "certificates-end": LabSpec(
        version="3.5", tls=True, certificate_days=2, load=LOAD, extra_flags=FLAGS
    ),
}
