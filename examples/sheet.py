"""A picture and what is nearest to it, side by side in one file: `python -m examples.sheet FOLDER PICTURE OUT.png`."""

import sys

from PIL import Image, ImageOps

from visual_search import Gallery

folder, picture, out = sys.argv[1:]
gallery = Gallery(f"folder:{folder}")
shown = [Image.open(picture), *(gallery.open(hit) for hit in gallery.search(picture, k=5))]
sheet = Image.new("RGB", (160 * len(shown), 160), "white")
for place, each in enumerate(shown):
    sheet.paste(ImageOps.pad(each.convert("RGB"), (160, 160), color="white"), (160 * place, 0))
sheet.save(out)
