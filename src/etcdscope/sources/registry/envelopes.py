"""How a value is stored, by its first bytes.

Kubernetes: protobuf begins with "k8s\\0" (runtime/serializer/protobuf), encrypted values with
"k8s:enc:PROVIDER:" (server/options/encryptionconfig), CBOR with its self-describing tag
(runtime/serializer/cbor), JSON with a brace.
"""

PROTOBUF, JSON, CBOR, ENCRYPTED, EMPTY, UNKNOWN = (
    "protobuf",
    "json",
    "cbor",
    "encrypted",
    "empty",
    "other",
)
_STARTS = ((b"k8s\x00", PROTOBUF), (b"k8s:enc:", ENCRYPTED), (b"\xd9\xd9\xf7", CBOR))


def kind(start: bytes) -> str:
    """Return how the value that begins so is stored."""
    if not start:
        return EMPTY
    for magic, name in _STARTS:
        if start.startswith(magic):
            return name
    return JSON if start.lstrip()[:1] == b"{" else UNKNOWN
