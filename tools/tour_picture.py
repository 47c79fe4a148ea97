"""Makes one animated picture from the frames of `tour_frames.py`; needs Pillow, nothing of ours.

python tools/tour_picture.py build/tour docs/tour.webp
"""

import json
import sys
from itertools import pairwise
from pathlib import Path

from PIL import Image

WIDTH = 960
LONGEST = 60.0  # seconds; a longer tour is played faster
QUALITY = 62
LAST = 3_000  # milliseconds that the last frame stays


def main(frames: Path, out: Path) -> int:
    """Write the picture; say how large and how fast it is."""
    taken = json.loads((frames / "taken.json").read_text())
    images, times = [], []
    for number, at in enumerate(taken):
        image = smaller(Image.open(frames / f"{number:04}.png"))
        if not images or image.tobytes() != images[-1].tobytes():
            images.append(image)
            times.append(at)
    speed = max(1.0, (times[-1] - times[0]) / LONGEST)
    durations = [round(1000 * (b - a) / speed) for a, b in pairwise(times)]
    images[0].save(
        out,
        save_all=True,
        append_images=images[1:],
        duration=[*durations, LAST],
        loop=0,
        quality=QUALITY,
        method=6,
        minimize_size=True,
    )
    sys.stdout.write(
        f"{out}: {len(images)} frames, {times[-1] - times[0]:.0f} s played {speed:.2f} times as"
        f" fast, {out.stat().st_size / 1e6:.2f} MB\n"
    )
    return 0


def smaller(image: Image.Image) -> Image.Image:
    """Return the picture as wide as the README shows it."""
    height = round(image.height * WIDTH / image.width)
    return image.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
