"""How sure we are: calibration, validation, uncertainty, sensitivity, learning, best use of a budget."""
