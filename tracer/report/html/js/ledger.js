// The ledger: one bar of the whole window; a part opens into what it is made of.

function ledgerBlock(block) {
  const panel = el("div", { class: "panel", id: "ledger-panel" });
  const buttons = new Map();
  const largest = block.parts.reduce((a, b) => (b.value > a.value ? b : a), block.parts[0]);

  function open(part) {
    for (const [other, pair] of buttons) {
      pair.forEach((button) => button.setAttribute("aria-expanded", String(other === part)));
    }
    panel.replaceChildren(
      el("h3", {}, key(part.name, part.label), " ", el("span", { class: "figure" }, `${part.share}, ${part.text}`)),
      part.lines.length ? el("ul", { class: "lines" }, part.lines.map((line) => lineElement(line, part))) : "",
      ...part.tables.map(tableBlock),
      part.tables.length || part.lines.length ? "" : el("p", { class: "note" }, "No more is known of it."));
  }

  function lineElement(line, part) {
    const track = el("span", { class: "bar-track thin" }, segment(part.name, line.ns / wholeOf(part), line.share));
    return el("li", { class: line.label.startsWith("of these") ? "of" : null }, el("span", { class: "line-label" }, line.label), track,
      el("span", { class: "line-text" }, `${line.text}`), el("span", { class: "line-share" }, line.share));
  }

  const wholeOf = (part) => Math.max(...part.lines.map((line) => line.ns), 1);

  const bar = el("div", { class: "whole-bar" }, block.parts.map((part) => {
    const button = el("button", {
      type: "button", class: "segment", "aria-controls": "ledger-panel",
      title: `${part.label}: ${part.share}, ${part.text}`, onclick: () => open(part),
    }, part.value > 0.08 ? part.share : "");
    button.style.setProperty("flex-grow", String(Math.max(part.value, 0.004)));
    button.style.setProperty("background", `var(--part-${part.name})`);
    button.setAttribute("aria-label", `${part.label}: ${part.share}`);
    buttons.set(part, [button]);
    return button;
  }));
  const list = el("ul", { class: "parts" }, block.parts.map((part) => {
    const button = el("button", { type: "button", "aria-controls": "ledger-panel", onclick: () => open(part) },
      key(part.name, part.label), el("span", { class: "figure" }, part.share), el("span", { class: "amount" }, part.text));
    buttons.get(part).push(button);
    return el("li", {}, button);
  }));
  if (largest) open(largest);
  return el("div", { class: "ledger" }, bar, list, panel);
}
