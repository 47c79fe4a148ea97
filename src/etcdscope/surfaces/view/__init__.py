"""What people look at, as plain values: the page, the API and the terminal show the same ones."""
