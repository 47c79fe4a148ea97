"""The known messages, a family a file.

The words were read in etcd's source (server/, raft/, client/pkg, of 3.4, 3.5 and 3.6) and checked
against whole logs of 3.4.23 (both loggers), 3.5.30 and 3.6.14.
"""

from etcdscope.etcd.logs.known import data, disk, members, peers, process, raft, requests, space
from etcdscope.etcd.logs.known.row import Row

# In the order in which patterns are tried: what is frequent, or must not be mistaken, first.
FAMILIES = (raft, disk, members, data, requests, space, peers, process)
ROWS: dict[str, Row] = {kind: row for family in FAMILIES for kind, row in family.ROWS.items()}
