// Elements. All text goes through textContent: no name of the target can become markup.

/** An element with attributes, and with children that are elements or texts. */
function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((one) => one !== null && one !== undefined));
  return element;
}

/** The data of a script element. */
function embedded(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

const styles = new Map();

/** A value of the style sheet, as it is in the present theme; asked for once. */
function style(name) {
  if (!styles.has(name)) styles.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return styles.get(name);
}

function colourOf(part) {
  return style("--part-" + part) || style("--part-unknown");
}

/** A colour's small square with its name. */
function key(part, label) {
  const square = el("span", { class: "swatch" });
  square.style.setProperty("background", `var(--part-${part})`);
  return el("span", { class: "key" }, square, label);
}

const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
