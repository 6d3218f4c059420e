// Light, dark, or as the system says; what is drawn on canvases is drawn again.

const THEMES = ["auto", "light", "dark"];
const redraws = [];

function onTheme(redraw) {
  redraws.push(redraw);
}

function redrawAll() {
  styles.clear();
  redraws.forEach((redraw) => redraw());
}

function savedTheme() {
  try {
    return localStorage.getItem("tracer-theme") || "auto";
  } catch {
    return "auto"; // a page opened from a file may have no storage
  }
}

function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.getElementById("theme").textContent = `theme: ${theme}`;
  try {
    localStorage.setItem("tracer-theme", theme);
  } catch {
    // the choice lasts as long as the page then
  }
  redrawAll();
}

function nextTheme() {
  const now = document.documentElement.dataset.theme || "auto";
  setTheme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
}

function startTheme() {
  setTheme(savedTheme());
  document.getElementById("theme").addEventListener("click", nextTheme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
}
