"""Scaling studies of lockstep: from a file that describes a study to a report.

plan         STUDY.yaml: which cases there are, in which order they are run, what is run for each
measure      one run of lockstep: the launch, the seconds that it left
environment  the machine, the program and the libraries of a measurement
slurm        the same measurements as a job array
results      study.h5 and CSV from the measurements, and back
stats        means over runs, intervals by Student's t
laws         efficiency, Karp-Flatt, Amdahl, Gustafson, time to a target loss
analysis     from results to the figures of the report
prediction   the exchange between nodes by latency and bandwidth, beside what was measured
words        what limits the scaling, said in words
draw         the pictures
document     paragraphs, tables and pictures as Markdown and as HTML
report       what the report says, in its order
"""
