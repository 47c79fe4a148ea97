"""How what is known is shown: text, terminal, HTTP."""
