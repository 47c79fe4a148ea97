"""Each source reads one thing of a cluster, then parses it into observations."""
