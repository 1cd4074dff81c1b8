// Shows what came back: beside the canvas, and the look-alikes under both.
(answer) => {
  const shown = JSON.parse(answer);
  document.querySelector("#drawing canvas").showAnswer(shown);
  if (shown.look_alikes) document.querySelector("#look-alikes .gallery").show(shown.look_alikes);
}
