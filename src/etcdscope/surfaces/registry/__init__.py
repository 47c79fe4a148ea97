"""Who fills the database: as text, JSON, CSV, and as a tree for a map."""
