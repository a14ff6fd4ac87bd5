"""Makes docs/images/report.png: the predictions of a page about a run of classes, as chromium shows them.

    picture.py runs/fashion-mnist/report.html docs/images/report.png
"""
import os
import sys

import PIL.Image
from browser import Browser

PAGE, PICTURE = sys.argv[1:3]
WIDTH = 780
# The table of classes is left out; returns where the part begins and ends.
PLACE = """(() => {
  document.querySelectorAll('.panels table').forEach(table => table.closest('.panels > *').remove());
  const [, predictions, network] = document.querySelectorAll('h2');
  return [predictions.getBoundingClientRect().top + scrollY, network.getBoundingClientRect().top + scrollY]; })()"""

with Browser(os.environ.get("LOCKSTEP_CHROMIUM", "chromium")) as browser:
    browser.open(PAGE, WIDTH, dark=False)
    top, bottom = browser.value(PLACE)
    browser.picture(PICTURE, (0, top - 8, WIDTH, bottom - top - 30))
PIL.Image.open(PICTURE).convert("RGB").quantize(96).save(PICTURE, optimize=True)
