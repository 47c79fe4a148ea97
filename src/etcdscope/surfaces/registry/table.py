"""``--csv``: one row a resource and namespace, for spreadsheets and scripts."""

import csv
import io

from etcdscope.model.census import Census

COLUMNS = (
    "prefix", "resource", "namespace", "keys", "key_bytes", "value_bytes", "largest_value_bytes",
    "writes", "changed", "keys_with_lease", "revisions", "tombstones", "value_bytes_all_revisions",
)  # fmt: skip
# A spreadsheet takes what begins so for a formula, and anybody may have named a key.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(census: Census) -> str:
    """Return the cells, the largest first."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    for cell in sorted(census.cells, key=lambda c: (-c.bytes, c.prefix, c.namespace)):
        rows.writerow(
            [
                *map(_safe, (cell.prefix, cell.resource, cell.namespace)),
                cell.keys, cell.key_bytes, cell.value_bytes, cell.largest, cell.writes,
                cell.changed, cell.leased, cell.revisions, cell.tombstones, cell.kept_bytes,
            ]
        )  # fmt: skip
    return out.getvalue()


def _safe(name: str) -> str:
    return f"'{name}" if name.startswith(_FORMULA) else name
