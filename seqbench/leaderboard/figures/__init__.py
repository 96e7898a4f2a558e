"""Figures of runs for papers: learning curves and bars, drawn with matplotlib."""
