// Threads by state over time: how many were in each, and each of them in a row.

const ROW_PX = 14;
const ROWS_SHOWN = 24;

const sumOf = (parts) => parts.reduce((total, part) => total + part.y.reduce((a, b) => a + b, 0), 0);

function statesBlock(block) {
  const place = el("div", { class: "plot-place" });
  const x = block.x;
  const awake = block.parts.filter((part) => part.name !== "asleep");
  // where most sleep, the others would be a line at the bottom
  let parts = awake.length && sumOf(awake) < 0.2 * sumOf(block.parts) ? awake : block.parts;
  const choice = el("button", { type: "button", "aria-pressed": String(parts === block.parts), onclick: () => {
    parts = parts === awake ? block.parts : awake;
    choice.setAttribute("aria-pressed", String(parts === block.parts));
    redraw();
  } }, "with those asleep");
  const redraw = plot(place, () => {
    // stacked: each line is the sum of its part and those below
    const sums = x.map(() => 0);
    const stacked = parts.map((part) => part.y.map((value, index) => (sums[index] += value)));
    return {
      options: {
        scales: { x: { time: false }, y: { range: (_u, _low, most) => [0, (most || 1) * 1.05] } },
        axes: [{ label: "time in the window", values: (_u, splits) => splits.map(duration) },
          { label: block.unit || "threads", size: 64, values: (_u, splits) => splits.map(short) }],
        legend: { markers: { fill: (_u, index) => (index ? colourOf(parts[index - 1].name) : null) } },
        bands: parts.slice(1).map((part, number) => ({ series: [number + 2, number + 1], fill: colourOf(part.name) })),
        series: [{ label: "from", value: (_u, value) => (value === null ? "--" : duration(value)) },
          ...parts.map((part, number) => ({ label: part.label, stroke: colourOf(part.name), width: 1,
            fill: number ? undefined : colourOf(part.name), points: { show: false },
            paths: uPlot.paths.stepped({ align: 1 }),
            value: (_u, _value, _series, index) => (index === null || index === undefined ? "--" : `${short(part.y[index])}${block.unit === "threads" ? " threads" : ""}`) }))],
      },
      data: [x, ...stacked],
    };
  });
  const tools = awake.length && awake.length < block.parts.length ? el("div", { class: "tools" }, choice) : null;
  return figure(block, el("div", {}, tools, place), block.lanes ? lanes(block) : null);
}

/** A row for each thread, a column for each bin; as much of it as is scrolled to is drawn. */
function lanes(block) {
  const { threads, codes } = block.lanes;
  const filter = el("input", { type: "search", placeholder: "filter threads", "aria-label": "filter threads" });
  const said = el("span", { class: "said", role: "status" });
  const canvas = el("canvas", { role: "img", "aria-label": "Each thread's state over time" });
  const names = el("div", { class: "lane-names" });
  const space = el("div", { class: "lane-space" }, names, canvas);
  const view = el("div", { class: "lanes", tabindex: "0" }, space);
  let shown = threads;
  const colours = () => Object.fromEntries(Object.entries(codes).map(([code, part]) => [code, colourOf(part)]));

  function draw() {
    const height = Math.min(shown.length, ROWS_SHOWN) * ROW_PX;
    const left = names.offsetWidth || 160;
    const width = Math.max(view.clientWidth - left - 2, 100);
    const first = Math.floor(view.scrollTop / ROW_PX);
    const visible = shown.slice(first, first + ROWS_SHOWN + 1);
    const ratio = devicePixelRatio || 1;
    space.style.setProperty("height", `${shown.length * ROW_PX}px`);
    view.style.setProperty("height", `${height + 2}px`);
    for (const one of [canvas, names]) one.style.setProperty("top", `${first * ROW_PX}px`);
    canvas.style.setProperty("left", `${left}px`);
    canvas.style.setProperty("width", `${width}px`);
    canvas.style.setProperty("height", `${visible.length * ROW_PX}px`);
    canvas.width = width * ratio;
    canvas.height = visible.length * ROW_PX * ratio;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const of = colours();
    visible.forEach((thread, row) => {
      const step = width / thread.cells.length;
      let start = 0;
      for (let index = 1; index <= thread.cells.length; index++) {
        if (thread.cells[index] === thread.cells[start]) continue;
        const colour = of[thread.cells[start]];
        if (colour) {
          context.fillStyle = colour;
          context.fillRect(start * step, row * ROW_PX + 1, (index - start) * step + 0.3, ROW_PX - 2);
        }
        start = index;
      }
    });
    names.replaceChildren(...visible.map((thread) => el("div", { title: thread.name, dir: "auto" }, thread.name)));
  }

  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase();
    shown = threads.filter((thread) => thread.name.toLowerCase().includes(wanted));
    said.textContent = wanted ? `${shown.length.toLocaleString("en")} of ${threads.length.toLocaleString("en")} threads` : "";
    view.scrollTop = 0;
    draw();
  });
  canvas.addEventListener("mousemove", (event) => {
    const thread = shown[Math.floor(view.scrollTop / ROW_PX) + Math.floor(event.offsetY / ROW_PX)];
    if (!thread) return;
    const bin = Math.min(Math.floor((event.offsetX / canvas.clientWidth) * thread.cells.length), thread.cells.length - 1);
    const part = codes[thread.cells[bin]];
    canvas.title = `${thread.name}, at ${duration(bin * block.lanes.bin_ns)}: ${part ? block.labels[part] : "not there"}`;
  });
  view.addEventListener("scroll", () => requestAnimationFrame(draw));
  onTheme(draw);
  whenSeen(view, draw);
  onResize(view, draw);
  return el("div", { class: "lanes-block" },
    el("div", { class: "table-head" }, el("h3", {}, "Each thread"), el("span", { class: "filter" }, said, filter)),
    block.lanes.note ? el("p", { class: "note" }, block.lanes.note) : null,
    view);
}
