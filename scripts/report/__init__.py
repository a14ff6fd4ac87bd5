"""A page about one or several runs of lockstep: scripts/report.py.

program   the program, and what its commands say of a run
run       the files of a run directory: settings, history, log, summary, model
rows      the rows that single predictions are shown of: features, truth, predictions
page      HTML: style, sentences, tables, figures (scripts/study uses this too)
chart     charts as SVG
images    small pictures as PNG inside the page; which rows are pictures
overview  figures, settings and data of the runs
network   the drawing of the network
training  curves, learning rate, gradient norm, speed, phases
classes   confusion, worst rows, calibration
numbers   predicted against true, residuals, intervals
forecast  forecasts over time, error by step
weights   weights of the first layer
contents  the page in its order
"""
