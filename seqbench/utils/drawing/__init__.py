"""Charts as SVG text, without a plotting library: axes, marks, lines, and texts that overlap nothing."""
