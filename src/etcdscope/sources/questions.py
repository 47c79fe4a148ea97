"""The key that sources read to see whether reads work, and what refusals mean for that."""

from etcdscope.etcd.errors import EtcdError
from etcdscope.model.reading import Failure

# It need not exist, and is never written.
KEY = b"etcdscope-probe"


def path_works(error: EtcdError) -> bool:
    """Return whether the read was refused only in the end, by the user's rights.

    etcd looks at them after it has waited for the quorum: EtcdServer.Range in
    server/etcdserver/v3_server.go.
    """
    nobody = "user name is empty" in error.code
    return error.failure is Failure.PERMISSION_DENIED or nobody
