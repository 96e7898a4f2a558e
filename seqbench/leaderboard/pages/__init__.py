"""Pages of a leaderboard: HTML, Markdown, LaTeX, CSV and W&B tables."""
