"""Pictures of scripts/plot.py: style.py and sources.py are shared, and each file in kinds/ is a kind of picture."""
