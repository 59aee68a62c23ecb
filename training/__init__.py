"""The scripts that made every file in assets/."""
