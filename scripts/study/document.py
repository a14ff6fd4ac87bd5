"""A document of headings, paragraphs, lists, tables and pictures, written as Markdown and as one HTML page that needs
no other file. Text is Markdown's: `code`, **strong**."""
import base64

from report import page


class Document:
    def __init__(self, title):
        self.title, self.markdown, self.body = title, [], []
        self.heading(1, title)

    def add(self, markdown, html):
        self.markdown.append(markdown)
        self.body.append(html)

    def heading(self, level, text):
        self.add(f"{'#' * level} {text}", page.heading(level, text))

    def text(self, *paragraphs):
        for text in paragraphs:
            self.add(text, page.paragraph(text))

    def items(self, texts):
        self.add("\n".join(f"- {text}" for text in texts), page.items(texts))

    def table(self, header, rows, words=False):
        """words: columns of text, not of numbers."""
        line = [" | ".join(str(cell).replace("|", "\\|") for cell in cells) for cells in [header, *rows]]
        rule = " | ".join(["---"] + ["---" if words else "---:"] * (len(header) - 1))
        self.add("\n".join(f"| {text} |" for text in [line[0], rule, *line[1:]]), page.table(header, rows, words))

    def figure(self, path, root, caption):
        """path: the SVG; root: where the Markdown file will lie."""
        picture = base64.b64encode(path.read_bytes()).decode()
        self.add(f"![{caption}]({path.relative_to(root)})\n\n*{caption}*",
                 page.figure(f'<img alt="{page.escape(caption)}" src="data:image/svg+xml;base64,{picture}">', caption))

    def write(self, root):
        (root / "report.md").write_text("\n\n".join(self.markdown) + "\n", encoding="utf-8")
        page.write(root / "report.html", page.document(self.title, self.body))
