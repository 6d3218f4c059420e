// Puts the sections of the chosen view on the page.

const DRAWN = {
  text: textBlock,
  finding: findingBlock,
  table: tableBlock,
  bars: barsBlock,
  ledger: ledgerBlock,
  flame: flameBlock,
  distribution: distributionBlock,
  lines: linesBlock,
  intervals: intervalsBlock,
  states: statesBlock,
};

function textBlock(block) {
  if (block.tone === "command") return el("div", { class: "command" }, block.lines.map((line) => el("code", {}, line)));
  return el("div", { class: `text ${block.tone}` }, block.lines.map((line) => el("p", { dir: "auto" }, line)));
}

function findingBlock(block) {
  return el("div", { class: "finding" },
    el("p", { class: "sentence", dir: "auto" }, `${block.number}. ${block.sentence}`),
    block.evidence ? el("p", { class: "note", dir: "auto" }, block.evidence) : null,
    block.next ? el("p", { class: "next" }, "Next: ", el("code", {}, block.next)) : null);
}

function sectionElement(section) {
  return el("section", { id: section.id, "aria-labelledby": section.title ? `${section.id}-title` : null },
    section.title ? el("h2", { id: `${section.id}-title` }, section.title) : null,
    section.lead ? el("p", { class: "lead" }, section.lead) : null,
    section.blocks.map((block) => DRAWN[block.kind](block)));
}

const data = embedded("view");

function showView(number) {
  const view = data.views[number];
  redraws.length = 0;
  document.getElementById("content").replaceChildren(
    el("h1", { dir: "auto" }, view.title),
    ...data.notes.map((note) => el("p", { class: "note" }, note)),
    ...view.sections.filter((one) => one.blocks.length).map(sectionElement));
  document.getElementById("nav").replaceChildren(
    ...view.sections.filter((one) => one.title && one.blocks.length).map((one) => el("a", { href: `#${one.id}` }, one.short)));
}

function startChoice() {
  if (data.views.length < 2) return;
  const select = document.getElementById("views");
  select.append(...data.views.map((view, number) => el("option", { value: String(number) }, view.label || view.title)));
  select.addEventListener("change", () => showView(Number(select.value)));
  document.getElementById("choose").hidden = false;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.key === "t") nextTheme();
  if (event.key === "/") {
    const search = document.querySelector(".flame-search");
    if (search) { search.focus(); event.preventDefault(); }
  }
});

startTheme();
startChoice();
showView(0);
document.documentElement.dataset.drawn = "yes";
