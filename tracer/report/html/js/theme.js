// Light, dark, or as the system says; what is drawn on canvases is drawn again.

const THEMES = ["auto", "light", "dark"];
const redraws = [];
let chosen = "auto";

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

function showTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  redrawAll();
}

function setTheme(theme) {
  chosen = theme;
  document.getElementById("theme").textContent = `theme: ${theme}`;
  try {
    localStorage.setItem("tracer-theme", theme);
  } catch {
    // the choice lasts as long as the page then
  }
  showTheme(theme);
}

function nextTheme() {
  setTheme(THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length]);
}

function startTheme() {
  setTheme(savedTheme());
  document.getElementById("theme").addEventListener("click", nextTheme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
  // paper is white
  addEventListener("beforeprint", () => showTheme("light"));
  addEventListener("afterprint", () => showTheme(chosen));
}
