"""Metrics of gRPC, the process and Go's runtime."""

from etcdscope.surfaces.explain.metrics.note import Note

GRPC: tuple[Note, ...] = (
    Note(
        "grpc_server_handled_total",
        "counter by grpc_type, grpc_service, grpc_method and grpc_code",
        "Calls that ended, by method and by how they ended.",
        "Streams count too: on 3.4 and 3.5 a watch or lease stream whose client simply ended"
        " counts as Unavailable or Canceled, and rules over all methods accuse healthy clusters."
        " NotFound and OutOfRange are normal traffic. Our own probes, and everybody's, count."
        " Calls that hang have not ended, and are not counted.",
        "OK, and a few Canceled.",
        'sum by (grpc_method, grpc_code) (rate(grpc_server_handled_total{grpc_type="unary",'
        'grpc_code!~"OK|Canceled|NotFound|OutOfRange"}[1m]))',
        ("errors-rising", "request-too-large"),
    ),
    Note("grpc_server_started_total", "counter by grpc_type, grpc_service and grpc_method",
         "Calls that began. Less those that ended, it is what is open: streams, and calls that"
         " hang.", "For Watch the difference is the open streams, no fault.",
         ask='sum by (grpc_method) (grpc_server_started_total - ignoring(grpc_code) group_right'
         " grpc_server_handled_total)", causes=("errors-rising", "txn-conflicts", "list-storm")),
    Note("grpc_server_msg_received_total", "counter by method",
         "Messages received; more than one a call only on streams.",
         "For LeaseKeepAlive these are the renewals."),
    Note("grpc_server_msg_sent_total", "counter by method",
         "Messages sent; on Watch each may carry many events, on Snapshot 32 KiB of the file.",
         "It counts messages, not events.", causes=("list-storm",)),
    Note("grpc_server_handling_seconds", "histogram by method; only with --metrics=extensive",
         "How long calls took.",
         "Some 600 series more a member. Watch and lease streams last for hours and fill the last"
         " bucket; look at unary methods only. Slow answers to one client that reads slowly count"
         " as well.",
         ask='histogram_quantile(0.99, sum by (le, grpc_method)'
         ' (rate(grpc_server_handling_seconds_bucket{grpc_type="unary"}[5m])))'),
)  # fmt: skip

PROCESS: tuple[Note, ...] = (
    Note("os_fd_used", "gauge",
         "Open file descriptors, as etcd itself counts them.",
         "Counted once in ten minutes: process_open_fds is of the moment.", "Under 80 % of"
         " os_fd_limit.", "process_open_fds / process_max_fds", ("file-descriptors-exhausted",)),
    Note("os_fd_limit", "gauge", "The limit of open file descriptors.",
         "At the limit etcd accepts no connection and cannot open its own files.", "65 536 or"
         " more.", causes=("file-descriptors-exhausted",)),
    Note("process_open_fds", "gauge", "Open file descriptors: about one a client connection.",
         "Connections that come and go between two scrapes do not show.",
         ask="process_open_fds / process_max_fds",
         causes=("file-descriptors-exhausted", "connection-churn")),
    Note("process_max_fds", "gauge", "The limit of open file descriptors, as the kernel has it.",
         good="65 536 or more; some services start with 1 024.",
         causes=("file-descriptors-exhausted",)),
    Note("process_cpu_seconds_total", "counter", "CPU time that the process has used.",
         "A throttled process uses little: low is no proof of idleness. Compare it with how long"
         " calls from memory take.", ask="rate(process_cpu_seconds_total[1m])",
         causes=("cpu-starved", "connection-churn")),
    Note("process_resident_memory_bytes", "gauge",
         "Memory in use, mapped pages of the database included.",
         "The database file is mapped: pages in the cache count here and are given back under"
         " pressure. go_memstats_heap_inuse_bytes is etcd's own.", causes=("memory-exhausted",)),
    Note("process_virtual_memory_bytes", "gauge", "Mapped address space.",
         "etcd maps 10 GB for its database at once: it says nothing about memory."),
    Note("process_virtual_memory_max_bytes", "gauge", "The limit of address space.",
         "-1 or a huge number for none."),
    Note("process_start_time_seconds", "gauge, unix time", "When the process began.",
         "By the machine's clock: a step of the clock is no restart.",
         ask="changes(process_start_time_seconds[1h])",
         causes=("member-restarting", "liveness-kill-loop")),
    Note("process_network_receive_bytes_total", "counter",
         "Bytes received by the whole network namespace, not by etcd alone.",
         "With host networking it is the host's traffic.", since="3.5.16"),
    Note("process_network_transmit_bytes_total", "counter",
         "Bytes sent by the whole network namespace, not by etcd alone.",
         "With host networking it is the host's traffic.", since="3.5.16"),
    Note("go_goroutines", "gauge", "Goroutines: some 100, and two to four a client connection or"
         " watch.", "Growth without more clients is a leak or calls that hang.",
         causes=("connection-churn",)),
    Note("go_threads", "gauge", "Threads of the operating system.",
         "Each system call that blocks, such as an fsync, may take one: growth is a disk that"
         " hangs.", causes=("disk-hung",)),
    Note("go_gc_duration_seconds", "summary", "Pauses of the garbage collector.",
         "Its quantiles are over the process' life. Pauses are well under a millisecond; what"
         " stops etcd for longer is something else.", causes=("cpu-starved",)),
    Note("promhttp_metric_handler_requests_total", "counter by code",
         "Scrapes of this very page.", "Every monitor counts."),
    Note("promhttp_metric_handler_requests_in_flight", "gauge", "Scrapes being served now.",
         "It shows itself: 1."),
)  # fmt: skip

# Families that say the same, by how their names begin; the longest beginning counts.
GROUPS: tuple[Note, ...] = (
    Note("go_memstats_", "gauge or counter of Go's memory",
         "Memory as Go's runtime sees it. heap_inuse is what etcd really uses, alloc_bytes_total"
         " and mallocs_total are the churn, next_gc_bytes is when it collects next.",
         "Released memory counts in sys and not in resident memory; the mapped database counts in"
         " neither.", causes=("memory-exhausted",)),
    Note("go_gc_", "gauge of Go's settings", "Settings of Go's garbage collector (GOGC,"
         " GOMEMLIMIT).", "A GOMEMLIMIT below what etcd needs makes it collect without end: CPU,"
         " not memory, runs out.", causes=("cpu-starved", "memory-exhausted")),
    Note("go_sched_", "gauge of Go's settings", "How many threads run Go code at once"
         " (GOMAXPROCS).", "Before Go 1.25 it ignores CPU limits of containers: with 64 threads on"
         " a limit of 2 CPUs the kernel throttles etcd.", causes=("cpu-starved",)),
    Note("go_info", "gauge, always 1", "The Go release, in a label.",
         "The same as etcd_server_go_version."),
    Note("process_", "gauge or counter of the operating system", "What the operating system says"
         " of the process.", "None on systems without /proc."),
)  # fmt: skip
