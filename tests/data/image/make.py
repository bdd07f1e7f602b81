#!/usr/bin/env python3
"""Makes the small pictures beside it (needs Pillow; the tests only read what is committed).

One picture, 24 x 16: red at the top left, green at the top right, blue at the bottom left, white at
the bottom right, so that every turn and mirror image of it is another picture."""
import os
from PIL import Image

os.chdir(os.path.dirname(os.path.abspath(__file__)))
w, h = 24, 16
corners = [[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]]
flag = Image.new("RGB", (w, h))
flag.putdata([corners[y >= h // 2][x >= w // 2] for y in range(h) for x in range(w)])
grey = flag.convert("L")

flag.save("flag.png")
flag.save("flag.bmp")
flag.save("flag.ppm")
flag.convert("P", palette=Image.Palette.ADAPTIVE, colors=4).save("palette.png")
flag.convert("P", palette=Image.Palette.ADAPTIVE, colors=4).save("flag.gif")
flag.convert("RGBA").save("alpha.png")
flag.save("flag.jpg", quality=95, subsampling=0)
flag.save("subsampled.jpg", quality=90, subsampling=2)
flag.save("progressive.jpg", quality=90, progressive=True)
flag.save("restarts.jpg", quality=90, restart_marker_blocks=1)
grey.save("grey.png")
grey.save("grey.pgm")
grey.save("grey.jpg", quality=95)
grey.save("grey.bmp")
grey.point(lambda v: v * 257, "I").convert("I;16").save("grey16.png")

# For the resize: a picture with every kind of edge, and what Pillow makes of it.
pattern = Image.new("L", (31, 23))
pattern.putdata([(x * 37 + y * 91 + x * y * 7) % 256 for y in range(23) for x in range(31)])
pattern.save("pattern.pgm")
for name, size in (("small", (8, 9)), ("large", (50, 40))):
    pattern.resize(size, Image.Resampling.BILINEAR).save(f"pattern-{name}.pgm")

# For the bench: as large as a handwritten digit, and about as hard to compress.
digit = Image.new("L", (28, 28))
digit.putdata([max(0, 255 - 9 * abs((x - 14) ** 2 + (y - 14) ** 2 - 64)) for y in range(28) for x in range(28)])
digit.save("digit.png")
