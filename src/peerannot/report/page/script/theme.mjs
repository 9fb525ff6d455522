// Light or dark: as the system has it, until the button is pressed.
import { byId } from "./dom.mjs";

const KEY = "peerannot-theme";

// Some browsers refuse storage to a page opened from disk: the choice then lasts as long as the page.
function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function store(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // See above.
  }
}

export function startTheme() {
  const root = document.documentElement;
  const before = stored();
  if (before === "light" || before === "dark") root.dataset.theme = before;
  byId("theme").addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    store(root.dataset.theme);
  });
}
