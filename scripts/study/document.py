"""A document of headings, paragraphs, lists, tables and pictures, written as Markdown and as one HTML page that needs
no other file. Text is Markdown's: `code`, **strong**."""
import base64
import html
import re

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
h1, h2, h3 { line-height: 1.2; margin: 2rem 0 0.6rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 0.86rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.7rem; border-bottom: 1px solid #ddd; text-align: right; vertical-align: top; }
th:first-child, td:first-child, table.words td, table.words th { text-align: left; }
th { border-bottom: 2px solid #888; }
figure { margin: 1.5rem 0; }
img { max-width: 100%; }
figcaption { font-size: 0.86rem; color: #555; }
code { font-size: 0.92em; background: #f3f3f3; padding: 0 0.2em; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
"""


def inline(text):
    """Markdown inside a line to HTML."""
    text = html.escape(text, quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)


class Document:
    def __init__(self, title):
        self.title, self.markdown, self.page = title, [], []
        self.heading(1, title)

    def add(self, markdown, page):
        self.markdown.append(markdown)
        self.page.append(page)

    def heading(self, level, text):
        self.add(f"{'#' * level} {text}", f"<h{level}>{inline(text)}</h{level}>")

    def text(self, *paragraphs):
        for text in paragraphs:
            self.add(text, f"<p>{inline(text)}</p>")

    def items(self, texts):
        self.add("\n".join(f"- {text}" for text in texts),
                 "<ul>" + "".join(f"<li>{inline(text)}</li>" for text in texts) + "</ul>")

    def table(self, header, rows, words=False):
        """words: columns of text, not of numbers."""
        line = [" | ".join(str(cell).replace("|", "\\|") for cell in cells) for cells in [header, *rows]]
        rule = " | ".join(["---"] + ["---" if words else "---:"] * (len(header) - 1))
        head = "".join(f"<th>{inline(str(cell))}</th>" for cell in header)
        body = "".join("<tr>" + "".join(f"<td>{inline(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
        self.add("\n".join(f"| {text} |" for text in [line[0], rule, *line[1:]]),
                 f'<div class="scroll"><table{" class=words" if words else ""}><thead><tr>{head}</tr></thead>'
                 f"<tbody>{body}</tbody></table></div>")

    def figure(self, path, root, caption):
        """path: the SVG; root: where the Markdown file will lie."""
        picture = base64.b64encode(path.read_bytes()).decode()
        self.add(f"![{caption}]({path.relative_to(root)})\n\n*{caption}*",
                 f'<figure><img alt="{html.escape(caption)}" src="data:image/svg+xml;base64,{picture}">'
                 f"<figcaption>{inline(caption)}</figcaption></figure>")

    def write(self, root):
        (root / "report.md").write_text("\n\n".join(self.markdown) + "\n", encoding="utf-8")
        (root / "report.html").write_text(
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(self.title)}</title>\n'
            '<meta name="viewport" content="width=device-width">\n'
            f"<style>{STYLE}</style></head>\n<body>\n" + "\n".join(self.page) + "\n</body></html>\n", encoding="utf-8")
