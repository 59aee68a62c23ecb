"""What looks like this? The ten nearest pictures of a folder: `python -m examples.find FOLDER PICTURE`."""

import sys

from visual_search import Gallery

folder, picture = sys.argv[1:]
sys.stdout.write(f"{Gallery(f'folder:{folder}').search(picture, k=10)}\n")
