"""The parts of the demo page: drawings, the model behind it, the canvas, the layout."""
