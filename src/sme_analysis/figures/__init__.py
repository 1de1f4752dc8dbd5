"""What the notebooks draw: for each, the data of a figure and the drawing of it."""
