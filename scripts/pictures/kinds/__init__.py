"""A kind of picture in each file. The name of the kind is that of the file, with hyphens. A file has

    its docstring      the first sentence is the line of `plot.py --help`, the whole the text of `plot.py KIND --help`
    SUFFIXES           optional: endings that --out may have, the default first; (".svg", ".png") without it
    arguments(parser)  adds the arguments of the kind to an argparse parser
    draw(options)      returns a figure of style.figure, or for an animation an iterable of figures

draw raises style.Unfit with a sentence for the user if a run or a file does not fit.
"""
