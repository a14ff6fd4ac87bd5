"""The course of the learning rate by PyTorch's schedulers: makes schedules.h, the figures that
tests/optim/test_schedule.c compares lockstep's schedules with. Run by hand.
"""
import pathlib

import torch
from torch.optim import lr_scheduler

STEPS = 30
# A loss that falls, stays, falls by less than the threshold, falls and rises.
LOSSES = [3, 2, 2.1, 2.2, 1.5, 1.4999, 1.4998, 1.4997, 1.4996, 1, 1.2, 1.1, 1.3, 1.3, 1.3, 1.3, 1.3, 0.5, 0.4, 0.6,
          0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]

# The base rate of all is 0.5. OneCycleLR ends its rise at pct_start * total_steps - 1 and the run at
# total_steps - 1: here after 8 and 29 steps.
CASES = [
    # the rate of step t of 25, 0.05 from there on
    ("cosine", 0.5, lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.CosineAnnealingLR(o, T_max=25, eta_min=0.05),
                                                           lr_scheduler.ConstantLR(o, 0.1, 99)], [25])),
    ("step", 0.5, lambda o: lr_scheduler.StepLR(o, step_size=7, gamma=0.3)),
    ("exponential", 0.5, lambda o: lr_scheduler.ExponentialLR(o, 0.9)),
    ("polynomial", 0.5, lambda o: lr_scheduler.PolynomialLR(o, total_iters=25, power=2.0)),
    ("one_cycle", 0.5, lambda o: lr_scheduler.OneCycleLR(o, 0.5, total_steps=30, pct_start=0.3, div_factor=10,
                                                        final_div_factor=5, cycle_momentum=False)),
    ("cyclic", 0.5, lambda o: lr_scheduler.CyclicLR(o, 0.1, 0.5, step_size_up=4, cycle_momentum=False)),
    # PyTorch reduces after more than `patience` epochs, lockstep after as many: 3 here is 4 there
    ("reduce_on_plateau", 0.5, lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=3, threshold=1e-3,
                                                                        min_lr=0.1)),
]


def rates(rate, make):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
    scheduler, values = make(optimizer), []
    for step in range(STEPS):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
            scheduler.step(LOSSES[step])
        elif step < STEPS - 1:
            scheduler.step()
    return values


def c_array(name, values):
    rows = [", ".join(f"{v:.17g}" for v in values[i : i + 5]) for i in range(0, len(values), 5)]
    return f"static const double {name}[] = {{\n    " + ",\n    ".join(rows) + ",\n};"


def main():
    lines = [f"/* Learning rates of {STEPS} steps, by schedules.py with PyTorch {torch.__version__}. */",
             "/* clang-format off */", c_array("torch_losses", LOSSES)]
    lines += [c_array(f"torch_{name}", rates(rate, make)) for name, rate, make in CASES]
    (pathlib.Path(__file__).parent / "schedules.h").write_text("\n".join(lines) + "\n")


main()
