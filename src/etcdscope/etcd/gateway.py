"""etcd's JSON gateway: the same calls over HTTP/1.1, where something blocks gRPC."""

import json

from etcdscope.etcd.endpoint import Endpoint
from etcdscope.etcd.failures import of_words, told
from etcdscope.etcd.http import HttpClient
from etcdscope.etcd.proto import Message, Method
from etcdscope.etcd.settings import Security
from etcdscope.model.reading import Failure

# An answer in JSON is a third longer than what it encodes.
MAX_ANSWER_BYTES = 88 << 20
# google.api.http of every call that we make without a stream; the same since etcd 3.4.
_PATHS = {
    "Range": "kv/range",
    "Put": "kv/put",
    "DeleteRange": "kv/deleterange",
    "Txn": "kv/txn",
    "Compact": "kv/compaction",
    "LeaseGrant": "lease/grant",
    "LeaseRevoke": "lease/revoke",
    "LeaseTimeToLive": "lease/timetolive",
    "LeaseLeases": "lease/leases",
    "MemberAdd": "cluster/member/add",
    "MemberRemove": "cluster/member/remove",
    "MemberUpdate": "cluster/member/update",
    "MemberList": "cluster/member/list",
    "MemberPromote": "cluster/member/promote",
    "Alarm": "maintenance/alarm",
    "Status": "maintenance/status",
    "Defragment": "maintenance/defragment",
    "Hash": "maintenance/hash",
    "HashKV": "maintenance/hashkv",
    "MoveLeader": "maintenance/transfer-leadership",
    "Downgrade": "maintenance/downgrade",
    "AuthStatus": "auth/status",
    "Authenticate": "auth/authenticate",
}
# google.rpc.Code, of which the gateway gives the number.
_CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
    "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip


class Gateway:
    """Makes calls as POSTs of JSON: 64-bit numbers as strings, bytes in base64."""

    def __init__(self, endpoint: Endpoint, security: Security) -> None:
        self._endpoint = endpoint
        self._http = HttpClient(security)

    async def unary(self, method: Method, request: Message, token: str) -> Message:
        """Make one call and return the message that answers it. Errors: EtcdError."""
        from google.protobuf import json_format  # noqa: PLC0415

        where = self._endpoint.address
        if method.name not in _PATHS:
            raise told(Failure.UNSUPPORTED, where, f"{method.name} has no JSON form")
        answer = await self._http.post(
            f"{self._endpoint.url}/v3/{_PATHS[method.name]}",
            json_format.MessageToJson(request, preserving_proto_field_name=True).encode(),
            max_bytes=MAX_ANSWER_BYTES,
            headers={"Authorization": token} if token else {},
        )
        try:
            told_us = json.loads(answer.body)
            if answer.status == 200 and isinstance(told_us, dict):
                return json_format.ParseDict(told_us, method.answer(), ignore_unknown_fields=True)
        except (ValueError, json_format.ParseError):
            told_us = None
        raise self._refusal(answer.status, told_us)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _refusal(self, status: int, told_us: object) -> Exception:
        where = self._endpoint.address
        if status == 404 and not _says(told_us):  # in text before 3.5
            return told(Failure.UNSUPPORTED, where, "its JSON gateway does not know the path")
        if not isinstance(told_us, dict) or "code" not in told_us:
            return told(Failure.NOT_ETCD, where, f"the gateway's answer has HTTP status {status}")
        number, words = told_us["code"], str(told_us.get("message") or told_us.get("error") or "")
        known = isinstance(number, int) and 0 <= number < len(_CODES)
        code = _CODES[number] if known else "UNKNOWN"
        if code == "DEADLINE_EXCEEDED":
            return told(Failure.TIMEOUT, where, code=code)
        return of_words(words, code, where) or told(Failure.REJECTED, where, words or code, code)


def _says(told_us: object) -> bool:
    """Return whether a "not found" is etcd's own, of a lease or a member, and not of the path."""
    return isinstance(told_us, dict) and "etcdserver" in str(told_us.get("message"))
