// Times and shares as text, in the forms of tracer/units.py.

function three(value) {
  const size = Math.abs(value);
  const digits = size >= 99.95 || value === Math.trunc(value) ? 0 : size >= 9.995 ? 1 : 2;
  return size >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(digits);
}

function duration(ns) {
  for (const [limit, divisor, unit] of [[1e3, 1, "ns"], [1e6, 1e3, "us"], [1e9, 1e6, "ms"]]) {
    if (Math.abs(ns) < limit * 0.9995) return `${three(ns / divisor)} ${unit}`;
  }
  return `${three(ns / 1e9)} s`;
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

/** A number of an axis or a legend: 0.5, 20, 1k, 2.5M. */
function short(value) {
  if (value === null || value === undefined) return "";
  for (const [limit, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= limit) return `${Number((value / limit).toPrecision(3))}${letter}`;
  }
  return `${Number(value.toPrecision(3))}`;
}
