"""Draws frame i: of matplotlib animations, of functions, on executors; whatever is asked for, exactly."""
