"""What happened, by the members' logs, for people and for programs."""
