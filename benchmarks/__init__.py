"""One seeded script for each question of quality or speed, JSON out."""
