"""What happens around training: the curve, progress, and views of both."""
