"""Logs of members: from files, journald, standard input, or over HTTP."""
