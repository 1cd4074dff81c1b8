// Shows what came back beside the canvas.
(answer) => document.querySelector("#drawing canvas").showAnswer(JSON.parse(answer))
