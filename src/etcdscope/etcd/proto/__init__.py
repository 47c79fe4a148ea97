"""etcd's messages and methods, from descriptors.binpb in a pool of their own.

The private pool lets another etcd client live in the same process, and no generated code has to
match the protobuf that happens to be installed. `tools/compile_proto.py` makes the file.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# Made at run time: there is no class that a type checker could know.
Message: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC: ``request`` and ``answer`` are message classes, which protobuf makes at run time."""

    service: str
    name: str
    request: Message
    answer: Message

    @property
    def path(self) -> str:
        """Return what gRPC puts into the HTTP/2 ``:path``."""
        return f"/etcdserverpb.{self.service}/{self.name}"


@functools.cache
def _pool() -> descriptor_pool.DescriptorPool:
    compiled = Path(__file__).with_name("descriptors.binpb").read_bytes()
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled).file:
        pool.Add(file)
    return pool


@functools.cache
def message(name: str) -> Message:
    """Return the class of a message, such as ``StatusResponse``."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"etcdserverpb.{name}"))


@functools.cache
def method(service: str, name: str) -> Method:
    """Return one RPC, such as ``Maintenance``, ``Status``."""
    found = _pool().FindServiceByName(f"etcdserverpb.{service}").methods_by_name[name]
    made = message_factory.GetMessageClass
    return Method(service, name, made(found.input_type), made(found.output_type))
