// Tables that sort and filter. Of long ones the first rows are there, more on demand.

const FIRST_ROWS = 12;
const MORE_ROWS = 500;
const FILTER_FROM = 8;

const textOf = (cell) => (Array.isArray(cell) ? cell[0] : cell);
const valueOf = (cell) => (Array.isArray(cell) ? cell[1] : cell);

/** Numbers before texts, texts before empty cells; by the reader's language among texts. */
function compareCells(a, b) {
  const [left, right] = [valueOf(a), valueOf(b)];
  const kinds = [left, right].map((one) => (typeof one === "number" ? 0 : one === "" ? 2 : 1));
  if (kinds[0] !== kinds[1]) return kinds[0] - kinds[1];
  return kinds[0] === 0 ? left - right : String(left).localeCompare(String(right), "en", { numeric: true });
}

function tableBlock(block) {
  const state = { sort: block.sort, down: true, shown: FIRST_ROWS, filter: "" };
  const body = el("tbody");
  const more = el("button", { type: "button", class: "more", onclick: showMore });
  const said = el("span", { class: "said", role: "status" });
  const heads = block.columns.map((column, number) => {
    const button = el("button", { type: "button", title: column.about || null, onclick: () => sortBy(number) }, column.name);
    return el("th", { scope: "col", class: column.is_text ? "text" : "number" }, button);
  });

  function rows() {
    const wanted = state.filter.toLowerCase();
    const found = wanted
      ? block.rows.filter((row) => row.some((cell) => `${textOf(cell)}\n${valueOf(cell)}`.toLowerCase().includes(wanted)))
      : block.rows.slice();
    if (state.sort === null) return found;
    const sign = state.down ? -1 : 1;
    const isEmpty = (row) => textOf(row[state.sort]) === "";
    return found.sort((a, b) =>
      isEmpty(a) || isEmpty(b)
        ? isEmpty(a) - isEmpty(b) // at the end, whichever way it is sorted
        : sign * compareCells(a[state.sort], b[state.sort])
    );
  }

  function draw() {
    const found = rows();
    body.replaceChildren(...found.slice(0, state.shown).map(rowElement));
    if (!found.length) body.append(el("tr", {}, el("td", { colspan: block.columns.length, class: "none" }, "no such row")));
    const rest = found.length - state.shown;
    more.hidden = rest <= 0;
    more.textContent = `${Math.min(rest, MORE_ROWS).toLocaleString("en")} more of ${rest.toLocaleString("en")}`;
    said.textContent = state.filter ? `${found.length.toLocaleString("en")} of ${block.rows.length.toLocaleString("en")} rows` : "";
    heads.forEach((head, number) => {
      const isIt = number === state.sort;
      if (isIt) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }

  function rowElement(row) {
    return el("tr", {}, row.map((cell, number) => {
      const text = String(textOf(cell));
      const isText = block.columns[number].is_text;
      const inside = el("span", { dir: "auto", title: isText ? String(valueOf(cell)) : null }, text);
      return el("td", { class: isText ? "text" : "number" }, inside);
    }));
  }

  function sortBy(number) {
    state.down = state.sort === number ? !state.down : !block.columns[number].is_text;
    state.sort = number;
    draw();
  }

  function showMore() {
    state.shown += MORE_ROWS;
    draw();
  }

  const filter = el("input", {
    type: "search", placeholder: "filter rows", "aria-label": `filter ${block.title || "the table"}`,
    oninput: () => { state.filter = filter.value; state.shown = FIRST_ROWS; draw(); },
  });
  draw();
  return el("div", { class: block.wraps ? "table wraps" : "table" },
    el("div", { class: "table-head" },
      block.title ? el("h3", {}, block.title) : null,
      block.rows.length >= FILTER_FROM ? el("span", { class: "filter" }, said, filter) : null),
    block.note ? el("p", { class: "note" }, block.note) : null,
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": block.title || "table" },
      el("table", {}, el("thead", {}, el("tr", {}, heads)), body)),
    more);
}
