// Medians with their intervals, one below another on one axis.

function intervalsBlock(block) {
  const rows = block.rows.filter((row) => row.median !== null);
  const ends = rows.flatMap((row) => [row.low, row.high, row.median]).concat(block.reference ?? []);
  const isFromZero = Math.min(...ends) >= 0 && Math.min(...ends) < 0.7 * Math.max(...ends);
  let low = isFromZero ? 0 : Math.min(...ends), high = Math.max(...ends);
  const room = (high - low || 1) * 0.05;
  high += room;
  if (!isFromZero) low -= room;
  const at = (value) => `${(100 * (value - low)) / (high - low)}%`;

  const drawn = rows.map((row) => {
    const whisker = el("span", { class: "whisker" });
    whisker.style.setProperty("left", at(row.low));
    whisker.style.setProperty("width", `${(100 * (row.high - row.low)) / (high - low)}%`);
    const dot = el("span", { class: "dot" });
    dot.style.setProperty("left", at(row.median));
    const track = el("span", { class: "interval-track", title: row.text }, whisker, dot);
    if (block.reference !== null) {
      const mark = el("span", { class: "reference" });
      mark.style.setProperty("left", at(block.reference));
      track.prepend(mark);
    }
    return el("div", { class: `interval-row ${row.tone || ""}` },
      el("span", { class: "bar-label", dir: "auto", title: row.label }, row.label), track, el("span", { class: "interval-text" }, row.text));
  });
  return el("div", { class: "intervals" },
    block.title ? el("h3", {}, block.title) : null,
    block.note ? el("p", { class: "note" }, block.note) : null,
    el("div", { class: "interval-rows" }, drawn),
    block.about ? el("p", { class: "note" }, el("span", { class: "reference-key" }), ` ${block.about}`) : null);
}
