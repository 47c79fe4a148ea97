"""The fault benchmark: etcdscope beside Prometheus, the etcd-mixin and Alertmanager.

Real clusters in network namespaces, real faults, every observer a process of its own on the
same run. ``table.py`` lists the faults, ``works.py`` the planned work.

    python -m bench.faults --help
"""
