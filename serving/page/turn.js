// Turns the canvas to the sources of another direction.
(direction) => {
  document.querySelector("#drawing canvas").show(direction);
  return [direction];
}
