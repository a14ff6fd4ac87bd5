"""A page of HTML that needs no other file: its style in light and dark, sentences, tables, figures.

Text is Markdown's: `code`, **strong**. What comes from files (names of classes, paths, messages) goes through `sentence` or
`escape`, so that it is shown as it stands and never read as HTML.
"""
import html
import os
import pathlib
import re

# Okabe and Ito (2008), which differ in lightness too; lighter ones on dark paper.
STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1a1a1a; --soft: #595959; --line: #d6d6d6; --shade: #f3f3f3;
  --deep: #004b7a; --on-deep: #ffffff; --s0: #0072b2; --s1: #c65200; --s2: #00805f; --s3: #b85f93; --s4: #a87300; --s5: #3d94c4; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e8e8e8; --soft: #adadad; --line: #454b52;
  --shade: #24282d; --deep: #a8d8f5; --on-deep: #101010; --s0: #56b4e9; --s1: #f0883e; --s2: #2fc49a; --s3: #dd9cc2;
  --s4: #f0b429; --s5: #b9c2ff; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; color: var(--ink);
  background: var(--paper); overflow-wrap: anywhere; }
body.wide { max-width: 84rem; }
h1, h2, h3, h4 { line-height: 1.2; margin: 2rem 0 0.6rem; }
h1 { margin-top: 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 0.86rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.7rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top;
  overflow-wrap: normal; }
th:first-child, td:first-child, table.words td, table.words th { text-align: left; }
table.words td { overflow-wrap: break-word; max-width: 24rem; }
th { border-bottom: 2px solid var(--soft); }
figure { margin: 1.2rem 0; min-width: 0; }
img { max-width: 100%; }
figcaption, .note { font-size: 0.86rem; color: var(--soft); }
code { font-size: 0.92em; background: var(--shade); padding: 0 0.2em; overflow-wrap: anywhere; }
pre { background: var(--shade); padding: 0.7rem; overflow-x: auto; font-size: 0.82rem; line-height: 1.35; }
pre code { padding: 0; overflow-wrap: normal; }
.scroll { overflow-x: auto; }
summary { cursor: pointer; }
a { color: var(--s0); }
"""


class Html(str):
    """Text that is HTML already."""


def escape(text):
    return Html(html.escape(str(text)))


def inline(text):
    """Markdown inside a line to HTML; what is HTML stays."""
    if isinstance(text, Html):
        return text
    text = html.escape(str(text), quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return Html(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text))


def paragraph(text):
    return Html(f"<p>{inline(text)}</p>")


def sentence(text, *names):
    """A paragraph; `{}` in it are names from files, shown as code."""
    return paragraph(Html(inline(text).format(*(f"<code>{escape(name)}</code>" for name in names))))


def heading(level, text):
    return Html(f"<h{level}>{inline(text)}</h{level}>")


def items(texts):
    return Html("<ul>" + "".join(f"<li>{inline(text)}</li>" for text in texts) + "</ul>")


def table(header, rows, words=False):
    """words: columns of text, not of numbers."""
    head = "".join(f"<th>{inline(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{inline(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return Html(f'<div class="scroll"><table{" class=words" if words else ""}><thead><tr>{head}</tr></thead>'
                f"<tbody>{body}</tbody></table></div>")


def figure(picture, caption):
    """picture: HTML, an image or an SVG."""
    return Html(f"<figure>{picture}<figcaption>{inline(caption)}</figcaption></figure>")


def document(title, body, style="", wide=False):
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<style>{STYLE}{style}</style></head>\n<body{" class=wide" if wide else ""}>\n' + "\n".join(body) +
            "\n</body></html>\n")


def write(path, text):
    """The file appears whole, by a rename."""
    path = pathlib.Path(path)
    new = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
