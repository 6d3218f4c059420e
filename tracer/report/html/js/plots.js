// Lines with intervals and distributions, by uPlot.

const COLOURS = 7;
const PLOT_HEIGHT = 300;

const seriesColour = (number) => style(`--series-${number % COLOURS}`);

/** What all plots share: size, axes in the colours of the theme, grid. Returns what draws it again. */
function plot(place, make) {
  let drawn = null;
  function draw() {
    if (drawn) drawn.destroy();
    const { options, data } = make();
    const axis = (one) => ({ stroke: style("--ink"), grid: { stroke: style("--line"), width: 1 },
      ticks: { stroke: style("--line"), width: 1 }, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif", ...one });
    drawn = new uPlot({ width: Math.max(place.clientWidth, 300), height: PLOT_HEIGHT,
      cursor: { drag: { x: true, y: false } }, ...options, axes: options.axes.map(axis) }, data, place);
  }
  whenSeen(place, draw);
  onResize(place, () => { if (drawn) draw(); });
  onTheme(() => { if (drawn) draw(); });
  return () => { if (drawn) draw(); };
}

function figure(block, place, ...more) {
  return el("figure", { class: "plot" },
    block.title ? el("figcaption", {}, el("h3", {}, block.title)) : null,
    block.note ? el("p", { class: "note" }, block.note) : null,
    place, ...more);
}

/** Ticks of a logarithmic axis: powers of ten, of these the twos and fives where there is room. */
function logTicks(low, high) {
  const ticks = [];
  const decades = Math.log10(high / low);
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of decades < 2.5 ? [1, 2, 5] : [1]) ticks.push(step * 10 ** power);
  }
  return ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
}

const logAxis = (label, format) => ({ label, splits: (u, _axis, low, high) => logTicks(low, high),
  filter: (_u, splits) => splits, values: (_u, splits) => splits.map(format) });

function distributionBlock(block) {
  const place = el("div", { class: "plot-place" });
  plot(place, () => ({
    options: {
      scales: { x: { time: false, distr: 3, range: [block.x[0], block.x[block.x.length - 1]] }, y: { range: (_u, _low, high) => [0, high * 1.08] } },
      axes: [logAxis("latency", duration),
        { label: "share", size: 64, values: (_u, splits) => splits.map((one) => `${Number((100 * one).toPrecision(2))} %`) }],
      series: [{ label: "latency", value: (_u, value) => (value ? `from ${duration(value)}` : "--") },
        ...block.series.map((one, number) => ({ label: one.name, stroke: seriesColour(number), width: 2,
          fill: `color-mix(in srgb, ${seriesColour(number)} 14%, transparent)`,
          paths: uPlot.paths.stepped({ align: 1 }), points: { show: false },
          value: (_u, value) => (value === null || value === undefined ? "--" : percent(value)) }))],
    },
    data: [block.x, ...block.series.map((one) => one.y)],
  }));
  return figure(block, place);
}

function linesBlock(block) {
  const place = el("div", { class: "plot-place" });
  const x = [...new Set(block.series.flatMap((one) => one.x))].sort((a, b) => a - b);
  const along = (one, values) => {
    const known = new Map(one.x.map((value, index) => [value, values[index]]));
    return x.map((value) => (known.has(value) ? known.get(value) : null));
  };
  plot(place, () => {
    const series = [], data = [x], bands = [];
    block.series.forEach((one, number) => {
      const colour = seriesColour(one.group === undefined ? number : one.group);
      series.push({ label: one.name, stroke: colour, width: 2, dash: one.dashed ? [6, 4] : undefined, spanGaps: true,
        points: { show: true, size: 7, fill: one.dashed ? style("--page") : colour }, paths: one.points ? () => null : undefined,
        value: (_u, value) => (value === null || value === undefined ? "--" : short(value)) });
      data.push(along(one, one.y));
      if (one.low) {
        const hidden = { class: "hidden", stroke: "transparent", width: 0, spanGaps: true, points: { show: false } };
        bands.push({ series: [series.length + 2, series.length + 1], fill: `color-mix(in srgb, ${colour} 18%, transparent)` });
        series.push({ ...hidden, label: "low" }, { ...hidden, label: "high" });
        data.push(along(one, one.low), along(one, one.high));
      }
      if (one.fitted && one.fitted.length) {
        const [[x0, y0], [x1, y1]] = one.fitted;
        series.push({ class: "hidden", label: "fit", stroke: colour, width: 1.5, dash: one.dashed ? [6, 4] : undefined, points: { show: false } });
        data.push(x.map((value) => (value < x0 || value > x1 ? null : y0 + ((y1 - y0) * (value - x0)) / (x1 - x0 || 1))));
      }
    });
    const names = block.x.names;
    const xAxis = names.length
      ? { label: block.x.label, splits: () => names.map((_one, index) => index), values: (_u, splits) => splits.map((one) => names[one] || "") }
      : block.x.log ? { ...logAxis(block.x.label, short), splits: (_u, _axis, low, high) => (x.length <= 12 ? x : logTicks(low, high)) }
      : { label: block.x.label, values: (_u, splits) => splits.map(short), splits: x.length <= 8 ? () => x : undefined };
    const yAxis = block.y.log ? { ...logAxis(block.y.label, short), size: 64 } : { label: block.y.label, size: 64, values: (_u, splits) => splits.map(short) };
    const pad = names.length ? { range: [-0.5, names.length - 0.5] } : block.x.log ? { range: [x[0] / 1.15, x[x.length - 1] * 1.15] } : {};
    return {
      options: { scales: { x: { time: false, distr: block.x.log ? 3 : 1, ...pad },
          y: block.y.log ? { distr: 3 } : { range: (_u, _low, high) => [0, high * 1.08] } },
        axes: [xAxis, yAxis], bands,
        series: [{ label: block.x.label, value: (_u, value) => (names.length ? names[value] : short(value)) }, ...series] },
      data,
    };
  });
  return figure(block, place);
}
