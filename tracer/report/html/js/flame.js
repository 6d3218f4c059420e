// Flame graphs by d3-flame-graph: left heavy or in order of time, zoom, search, keys.

const CELL = 18;
const LEAST_PX = 1;

function flameBlock(block) {
  const place = el("div", { class: "flame-place", tabindex: "0", role: "application",
    "aria-label": "Flame graph: arrow keys move, Enter zooms, Escape shows all" });
  const said = el("p", { class: "said", role: "status" }, " ");
  const note = el("p", { class: "note" });
  const search = el("input", { type: "search", class: "flame-search", placeholder: "search", "aria-label": "search the flame graph",
    oninput: () => find(search.value) });
  const reset = el("button", { type: "button", onclick: showAll }, "whole graph");
  const choices = block.trees.map((tree, number) =>
    el("button", { type: "button", "aria-pressed": "false", onclick: () => show(number) }, tree.label));
  let chart = null, shown = -1, chosen = null;

  const tree = (row) => ({ n: block.names[row[0]], v: row[1], part: block.parts[row[2]], c: (row[3] || []).map(tree) });
  const depth = (row) => 1 + Math.max(0, ...(row[3] || []).map(depth));
  const total = () => block.trees[shown].tree[1];
  const labelOf = (d) => `${d.data.n}: ${duration(d.data.v)}, ${percent(d.data.v / total())}, mostly ${block.labels[d.data.part]}`;

  function show(number) {
    shown = number;
    choices.forEach((button, other) => button.setAttribute("aria-pressed", String(other === number)));
    note.textContent = block.trees[number].note;
    draw();
  }

  function draw() {
    const width = place.clientWidth || 900;
    const root = block.trees[shown].tree;
    place.replaceChildren();
    place.classList.toggle("in-time", shown > 0);
    chosen = null;
    chart = flamegraph.default()
      .width(width).height(Math.max(depth(root) * CELL + 4, 60)).cellHeight(CELL)
      .minFrameSize(shown ? LEAST_PX / 4 : LEAST_PX).inverted(true).transitionDuration(isStill ? 0 : 120)
      .sort(shown === 0 ? (a, b) => b.data.v - a.data.v : false)
      .label(labelOf).color((d) => colour(d)).onClick((d) => { choose(d); said.textContent = labelOf(d); });
    chart.setSearchMatch((d, term) => term && d.data.n.toLowerCase().includes(term.toLowerCase()));
    chart.setSearchHandler((results, sum) => {
      said.textContent = search.value ? `${results.length.toLocaleString("en")} frames match: ${duration(sum)}, ${percent(sum / total())}` : " ";
    });
    chart.setDetailsHandler((text) => { if (text) said.textContent = text; });
    d3.select(place).datum(tree(root)).call(chart);
    // so that paper, which is narrower, shrinks it
    d3.select(place).select("svg").attr("viewBox", `0 0 ${width} ${chart.height()}`);
    if (search.value) chart.search(search.value);
  }

  function colour(d) {
    if (d.highlight) return style("--found");
    const base = colourOf(d.data.part);
    return d.data.n.startsWith("[") ? base : `color-mix(in srgb, ${base} 45%, ${style("--frame")})`;
  }

  function find(term) {
    if (term) chart.search(term);
    else { chart.clear(); said.textContent = " "; }
  }

  function showAll() {
    chart.resetZoom();
    choose(null);
    said.textContent = " ";
  }

  function choose(d) {
    chosen = d;
    d3.select(place).selectAll("g.frame").classed("chosen", (other) => other === d);
  }

  function move(event) {
    if (event.target !== place) return;
    const root = d3.select(place).datum();
    const now = chosen || root;
    const side = (step) => {
      const all = now.parent ? now.parent.children : [now];
      return all[all.indexOf(now) + step] || now;
    };
    const next = { ArrowDown: () => (now.children || [now])[0], ArrowUp: () => now.parent || now,
      ArrowLeft: () => side(-1), ArrowRight: () => side(1), Home: () => root }[event.key];
    if (next) { choose(next()); said.textContent = labelOf(chosen); event.preventDefault(); }
    else if (event.key === "Enter" && chosen) chart.zoomTo(chosen); // which chooses it again
    else if (event.key === "Escape") showAll();
  }

  place.addEventListener("keydown", move);
  onTheme(() => { if (chart) chart.update(); });
  whenSeen(place, () => show(0));
  onResize(place, () => { if (chart) draw(); });
  const used = new Map(Object.entries(block.labels).filter(([name]) => uses(block, name)));
  return el("div", { class: "flame" },
    el("div", { class: "tools" }, block.trees.length > 1 ? choices : null, search, reset),
    el("p", { class: "legend" }, [...used].map(([name, label]) => key(name, label))),
    note, place, said);
}

function uses(block, name) {
  const number = block.parts.indexOf(name);
  const inside = (row) => row[2] === number || (row[3] || []).some(inside);
  return inside(block.trees[0].tree);
}

/** Draw when it is about to be seen, in a moment's leisure, or before printing: what comes first. */
function whenSeen(place, draw) {
  let isDrawn = false;
  const once = () => {
    if (isDrawn || !place.clientWidth) return;
    isDrawn = true;
    observer.disconnect();
    draw();
  };
  const observer = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) once();
  }, { rootMargin: "500px" });
  observer.observe(place);
  setTimeout(() => requestIdleCallback(once), 500);
  addEventListener("beforeprint", once);
}

function onResize(place, draw) {
  let width = 0, timer = 0;
  new ResizeObserver(() => {
    if (!place.clientWidth || place.clientWidth === width) return;
    const isFirst = !width;
    width = place.clientWidth;
    clearTimeout(timer);
    if (!isFirst) timer = setTimeout(draw, 150);
  }).observe(place);
}
