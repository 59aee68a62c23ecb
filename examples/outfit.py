"""More like several pictures, of some labels only: `python -m examples.outfit FOLDER LABEL,LABEL A.jpg B.jpg`."""

import sys

from visual_search import Gallery

folder, labels, *pictures = sys.argv[1:]
hits = Gallery(f"folder:{folder}").search(pictures, where={"label": labels.split(",")}, k=5)
for hit in hits:
    sys.stdout.write(f"{hit.score:.3f} {hit.path}\n")
