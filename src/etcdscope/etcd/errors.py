"""The errors that leave this room."""

from etcdscope.model.reading import Failure


class EtcdError(Exception):
    """Why etcd gave no answer.

    ``detail``: one sentence that says what to do; never a password, never a traceback.
    ``code``: etcd's own words ("etcdserver: no leader"), or gRPC's or HTTP's status, where there
    is one.
    """

    def __init__(self, failure: Failure, detail: str, code: str = "") -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail
        self.code = code

    def __repr__(self) -> str:
        return f"EtcdError({self.failure}, {self.detail!r}, {self.code!r})"


class SettingsError(Exception):
    """A wrong configuration, in one sentence: where, what, what to write instead."""
