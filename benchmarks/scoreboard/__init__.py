"""The scoreboard: every engine on every set, kept as JSON, piece by piece, and written as one page in docs/."""
