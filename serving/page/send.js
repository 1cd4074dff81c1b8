// What a request has. The drawing is read when the request is sent: an event that had to wait comes
// with the data of an earlier one. So are the surfaces of controls, whose data are their names.
(_, __, ___, ...rest) => {
  const canvas = document.querySelector("#drawing canvas");
  const painted = (value) => window.surfaces?.[value] ?? "";
  const isSurface = (value) => typeof value === "string" && value.startsWith("surface-");
  const values = rest.map((value) => (isSurface(value) ? painted(value) : value));
  return [canvas.drawing, canvas.direction, canvas.strokes, ...values];
}
