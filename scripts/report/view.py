"""What a page shows of one run: the run, its rows with predictions, the figures of `lockstep eval`."""
import math

from report import images, rows
from report.page import sentence
from report.program import ProgramError


class View:
    def __init__(self, run, options):
        """options: rows, the most rows to predict; image, the shape of rows that are pictures, or None."""
        self.run, self.rows, self.why = run, None, None
        try:
            self.rows = rows.load(run, options.rows)
        except rows.RowsError as error:
            self.why = error.args[0]
        self.split = self.choose_split()
        self.figures, self.why_no_figures = self.evaluate()
        self.image = self.choose_image(options.image)

    def choose_split(self):
        """What is evaluated: the rows that predictions are shown of, or validation rows among the training rows."""
        split = self.rows.split if self.rows else "test"
        data = self.run.setting("data", otherwise={})
        aside = data.get("validation", 0) not in (0, "0") or int(data.get("folds", 0)) > 0
        return "valid" if split == "train" and aside else split

    def evaluate(self):
        if self.rows is None:
            return {}, self.why
        try:
            return self.run.program.evaluate(self.run.model, self.split, f"data.file={rows.find_data(self.run)}"), None
        except (ProgramError, OSError, ValueError) as error:
            return {}, sentence("`lockstep eval` did not work: {}", error)

    def choose_image(self, asked):
        """(height, width, channels), or None: rows are no pictures."""
        if self.rows is None:
            return None
        shape = None
        if not self.rows.window:
            shape = images.shape_of(self.rows.x[:256], self.rows.feature_names is not None or self.rows.has_categories, asked)
        if asked is not None and shape is None:
            values = math.prod(self.rows.x.shape[1:])
            self.run.note(f"`--image` asks for pictures of {' × '.join(map(str, asked))} values, but "
                          f"{'the rows are those of a series' if self.rows.window else f'rows have {values}'}: no pictures are drawn.")
        return shape

    def split_words(self):
        return {"test": "test rows", "valid": "validation rows", "train": "training rows"}[self.split]

    def answers(self):
        """Each head's answer with its figures."""
        if self.rows is None:
            return []
        figures = self.figures.get("heads") or [self.figures] * len(self.rows.answers)
        return list(zip(self.rows.answers, figures))

    def picture(self, i):
        """Row i of those taken, as an image."""
        pixels = images.pixels_of(self.rows.x[i], self.image, *self.brightness())
        return images.image(pixels, f"row {self.rows.numbers[i]}")

    def brightness(self):
        x = self.rows.x[:1000]
        return (0, 255) if x.dtype.name == "uint8" and x.max() > 16 else (float(x.min()), float(x.max()))


def share(value):
    return "–" if value is None or not math.isfinite(value) else f"{value:.2%}"
