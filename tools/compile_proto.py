"""Compile etcd's interface (src/etcdscope/etcd/proto/*.proto) into the file that we load.

`python tools/compile_proto.py` writes it; with `--check` it only tells whether it is up to date.
"""

import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]  # it has no types

PROTO = Path(__file__).parent.parent / "src/etcdscope/etcd/proto"
COMPILED = PROTO / "descriptors.binpb"
SOURCES = ("kv.proto", "rpc.proto")


def compiled() -> bytes:
    """Return the serialized FileDescriptorSet of all sources, imports first."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "descriptors.binpb"
        arguments = [f"--proto_path={PROTO}", f"--descriptor_set_out={output}", *SOURCES]
        if protoc.main(["protoc", "--include_imports", *arguments]) != 0:
            sys.exit(f"{PROTO} does not compile: see protoc's words above.")
        return output.read_bytes()


if __name__ == "__main__":
    fresh = compiled()
    if "--check" not in sys.argv[1:]:
        COMPILED.write_bytes(fresh)
    elif COMPILED.read_bytes() != fresh:
        sys.exit(f"{COMPILED} is out of date: run python tools/compile_proto.py")
