"""A scaling study: times, speed-ups and efficiency over cores, or where the time of a step goes.

    scripts/python.sh scripts/scaling.py run STUDY.yaml        measures, and writes studies/NAME/study.h5
    plot.py scaling studies/NAME/study.h5
    plot.py scaling studies/NAME/study.h5 --what phases --part weak

The panels are those of the study's report, docs/guide/scaling-studies.md explains them. A study has several parts (strong
scaling, weak scaling); the first one is drawn unless --part names another.
"""
import pathlib

import matplotlib.pyplot as plt

from pictures import style


def arguments(parser):
    parser.add_argument("study", metavar="STUDY.h5", help="study.h5, or its directory studies/NAME")
    parser.add_argument("--what", choices=("scaling", "phases", "steps"), default="scaling",
                        help="over cores, the phases of a step, or every measured step (default: %(default)s)")
    parser.add_argument("--part", metavar="NAME", help="the part of the study to draw")


def draw(options):
    path = pathlib.Path(options.study)
    path = path / "study.h5" if path.is_dir() else path
    if not path.is_file():
        raise style.Unfit(f"{path} is not there; `scripts/scaling.py run STUDY.yaml` makes it")
    with plt.rc_context({"figure.constrained_layout.use": False}):
        from study import draw as panels
        from study.analysis import analyse
        from study.results import Results
        try:
            parts = analyse(Results(path))
        except (OSError, KeyError) as error:
            raise style.Unfit(f"{path} is no result of scripts/scaling.py: {error}") from None
        if not parts:
            raise style.Unfit(f"{path} has no case on one core yet, with which the others are compared")
        names = [part.name for part in parts]
        if options.part and options.part not in names:
            raise style.Unfit(f"the study has no part {options.part}, only {', '.join(names)}")
        part = parts[names.index(options.part)] if options.part else parts[0]
        if options.what == "phases":
            return panels.phases_figure(part, any(case.peak_share for case in part.cases))
        return panels.scaling_figure(part) if options.what == "scaling" else panels.steps_figure(part)
