// The look-alikes of what was sent and of its translation, beside each other as both are above.
const gallery = element.querySelector(".gallery");
const find = (selector) => gallery.querySelector(selector);

function made(tag, { className = "", text = "" }, ...children) {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text; // Names of files are text, whatever they hold.
  node.append(...children);
  return node;
}

function picture(tile) {
  if (tile.missing) return made("div", { className: "missing", text: tile.missing });
  const image = new Image();
  image.src = `data:image/jpeg;base64,${tile.picture}`;
  image.alt = tile.name;
  return image;
}

function figure(tile) {
  const caption = made(
    "figcaption",
    {},
    made("span", { text: tile.distance }),
    made("span", { className: "name", text: tile.name.split("/").at(-1) }),
  );
  const node = made("figure", {}, picture(tile), caption);
  node.title = tile.name;
  return node;
}

const row = ({ domain, tiles }) =>
  made("div", { className: "row" }, made("h4", { text: `Nearest in ${domain}` }), ...tiles.map(figure));

const group = ({ title, rows }) =>
  made("div", { className: "group" }, made("h3", { text: title }), ...rows.map(row));

gallery.show = ({ failure, groups = [], times = "" }) => {
  gallery.hidden = false;
  find(".failure").hidden = !failure;
  find(".failure").textContent = failure ?? "";
  find(".groups").replaceChildren(...groups.map(group));
  find(".times").textContent = times;
};
