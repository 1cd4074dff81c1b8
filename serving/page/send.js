// What a request has. The drawing is read when the request is sent: an event that had to wait comes
// with the data of an earlier one.
(_, __, ...rest) => {
  const canvas = document.querySelector("#drawing canvas");
  return [canvas.drawing, canvas.direction, ...rest];
}
