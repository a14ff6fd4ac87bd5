"""The page of scripts/report.py in chromium, on a phone and on a screen, light and dark: nothing is loaded, nothing goes wrong,
nothing is wider than the window, text can be read against its ground.

    LOCKSTEP_CHROMIUM=PROGRAM test_browser.py REPORT.PY LOCKSTEP [PICTURES]

PICTURES: a folder for screenshots.
"""
import argparse
import os
import pathlib
import sys
import tempfile
import unittest

import report_runs
from browser import Browser

REPORT, PROGRAM = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
PICTURES = pathlib.Path(sys.argv[3]).resolve() if len(sys.argv) > 3 else None
sys.path.insert(0, str(pathlib.Path(REPORT).parent))

from report import contents  # noqa: E402
from report.program import Program  # noqa: E402

CHROMIUM = os.environ.get("LOCKSTEP_CHROMIUM", "chromium")
PAGES = {"curve": ["curve"], "table": ["table"], "pictures": ["pictures"], "series": ["series"], "heads": ["heads"],
         "side-by-side": ["table", "ensemble", "diverged"]}

# Elements that reach beyond the window, but for those inside something that scrolls.
WIDE = """[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, pre, svg') &&
    (e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1)).map(e => e.outerHTML.slice(0, 100))"""

# The least contrast of texts against the ground of the page (WCAG 2, 1.4.3), of HTML and of SVG outside the cells of matrices.
CONTRAST = """(() => {
  const light = ([r, g, b]) => { const c = [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]; };
  const numbers = text => text.match(/[\\d.]+/g).map(Number).slice(0, 3);
  const ground = light(numbers(getComputedStyle(document.body).backgroundColor));
  let least = 99;
  for (const e of document.querySelectorAll('p, td, th, h1, h2, h3, li, figcaption, a, svg text:not(.on)')) {
    const style = getComputedStyle(e), colour = light(numbers(e.tagName == 'text' ? style.fill : style.color));
    least = Math.min(least, (Math.max(colour, ground) + 0.05) / (Math.min(colour, ground) + 0.05));
  }
  return least; })()"""


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = report_runs.make(PROGRAM, cls.temporary.name, sorted({name for names in PAGES.values() for name in names}))
        os.chdir(cls.folder)  # where the paths in settings begin
        for page, names in PAGES.items():
            text = contents.make([f"runs/{name}" for name in names], Program(PROGRAM), argparse.Namespace(rows=20000, image=None))
            pathlib.Path(f"{page}.html").write_text(text, encoding="utf-8")

    @classmethod
    def tearDownClass(cls):
        os.chdir("/")
        cls.temporary.cleanup()

    def test_pages(self):
        with Browser(CHROMIUM) as browser:
            for page in PAGES:
                for width in (360, 1280):
                    for dark in (False, True):
                        with self.subTest(page=page, width=width, dark=dark):
                            self.look(browser, page, width, dark)

    def look(self, browser, page, width, dark):
        path = self.folder / f"{page}.html"
        loads, faults = browser.open(path, width, dark)
        self.assertEqual([url for url in loads if not url.startswith("data:")], [path.resolve().as_uri()])
        self.assertEqual(faults, [])
        self.assertEqual(browser.value("document.querySelectorAll('script').length"), 0)
        self.assertLessEqual(browser.value("document.documentElement.scrollWidth"), width)
        self.assertEqual(browser.value(WIDE), [])
        self.assertGreaterEqual(browser.value(CONTRAST), 4.5)
        ground = browser.value("getComputedStyle(document.body).backgroundColor")
        self.assertEqual(ground, "rgb(21, 24, 28)" if dark else "rgb(255, 255, 255)")
        self.assertTrue(browser.value("[...document.images].every(i => i.complete && i.naturalWidth > 0)"))
        if PICTURES:
            PICTURES.mkdir(parents=True, exist_ok=True)
            browser.picture(PICTURES / f"{page}-{width}-{'dark' if dark else 'light'}.png")

    def test_the_test_sees_faults(self):
        """A page that loads, throws and is too wide is found out."""
        path = self.folder / "bad.html"
        path.write_text('<body style="color:#999;background:#fff"><p style="width:2000px">wide</p><script>nothing()</script>'
                        '<img src="http://example.org/x.png">', encoding="utf-8")
        with Browser(CHROMIUM) as browser:
            loads, faults = browser.open(path, 360, False)
            self.assertIn("http://example.org/x.png", loads)
            self.assertTrue(any("exceptionDetails" in fault for fault in faults))
            self.assertGreater(len(browser.value(WIDE)), 0)
            self.assertLess(browser.value(CONTRAST), 4.5)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
