// Bars made of parts, one below another on one scale.

function segment(part, share, text) {
  const piece = el("span", { class: "segment", title: text });
  piece.style.setProperty("width", `${100 * share}%`);
  piece.style.setProperty("background", `var(--part-${part})`);
  return piece;
}

function legend(parts) {
  const seen = new Map(parts.map((part) => [part.name, part.label]));
  return el("p", { class: "legend" }, [...seen].map(([name, label]) => key(name, label)));
}

function barsBlock(block) {
  const sum = (row) => row.parts.reduce((total, part) => total + part.value, 0);
  const rows = block.rows.map((row) => {
    const whole = sum(row) || 1; // each its own scale: groups differ by orders of magnitude
    return el("div", { class: "bar-row" },
      el("span", { class: "bar-label", dir: "auto", title: row.label }, row.label),
      el("span", { class: "bar-track" }, row.parts.map((part) =>
        segment(part.name, part.value / whole, part.text || `${part.label}: ${percent(part.value / whole)}, ${short(part.value)} threads`))),
      el("span", { class: "bar-text" }, row.text));
  });
  return el("div", { class: "bars" },
    el("h3", {}, block.title),
    block.note ? el("p", { class: "note" }, block.note) : null,
    legend(block.rows.flatMap((row) => row.parts)),
    el("div", { class: "bar-rows" }, rows));
}
