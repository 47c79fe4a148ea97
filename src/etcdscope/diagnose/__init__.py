"""Pure reasoning: findings in, incidents with a cause, a beginning and an end out."""
