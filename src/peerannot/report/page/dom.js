// Small helpers: elements are made, never parsed, so that no text of the data can become markup.
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

function make(document_, tag, attributes, children) {
  const node = document_(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
    else if (key === "width%") node.style.width = value + "%";
    else node.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat(3)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}
const el = (tag, attributes, ...children) => make((t) => document.createElement(t), tag, attributes, children);
const svg = (tag, attributes, ...children) =>
  make((t) => document.createElementNS("http://www.w3.org/2000/svg", t), tag, attributes, children);

const whole = new Intl.NumberFormat("en");
const count = (n, noun) => whole.format(n) + " " + noun + (n === 1 ? "" : "s");
const missing = (x) => x === null || x === undefined;
function percent(x, digits = 0) {
  if (missing(x)) return "–";
  const exact = x === 0 || x === 1;
  return (100 * x).toFixed(digits === 0 && !exact && (x > 0.995 || x < 0.01) ? 1 : digits) + "%";
}
const decimal = (x, digits = 2) => (missing(x) ? "–" : x.toFixed(digits));
const className = (k) => (k < 0 ? "undecided" : DATA.classes[k]);
// Class names often differ at their ends only.
function cut(text, n) {
  if (text.length <= n) return text;
  const tail = Math.floor((n - 1) / 3);
  return text.slice(0, n - 1 - tail) + "…" + text.slice(text.length - tail);
}

// Draws at the width there is, and again when that changes.
function chart(id, draw) {
  const host = typeof id === "string" ? $(id) : id;
  if (!host) return () => {};
  let width = 0;
  const again = () => {
    if (width > 0) host.replaceChildren(...[draw(width)].flat());
  };
  new ResizeObserver((entries) => {
    const now = Math.floor(entries[0].contentRect.width);
    if (now !== width) {
      width = now;
      again();
    }
  }).observe(host);
  return again;
}

function meter(share, extra = "") {
  return el("span", { class: "meter " + extra, "aria-hidden": "true" },
    el("i", { "width%": missing(share) ? 0 : Math.max(0, Math.min(100, 100 * share)) }));
}

function options(select, entries) {
  select.replaceChildren(...entries.map(([value, text]) => el("option", { value }, text)));
}

function startTip() {
  const tip = $("tip");
  document.addEventListener("pointermove", (event) => {
    const target = event.target.closest && event.target.closest("[data-tip]");
    tip.hidden = !target || event.pointerType === "touch";
    if (tip.hidden) return;
    tip.textContent = target.getAttribute("data-tip");
    const box = tip.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, innerWidth - box.width - 8);
    const above = event.clientY + 18 + box.height > innerHeight;
    tip.style.left = Math.max(8, left) + "px";
    tip.style.top = (above ? event.clientY - box.height - 10 : event.clientY + 18) + "px";
  });
}

function startTheme() {
  const root = document.documentElement;
  const stored = (value) => {
    // Some browsers refuse storage to a page opened from disk.
    try {
      if (value === undefined) return localStorage.getItem("peerannot-theme");
      localStorage.setItem("peerannot-theme", value);
    } catch (_) { /* The choice then lasts as long as the page. */ }
    return null;
  };
  const chosen = stored();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  $("theme").addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    stored(root.dataset.theme);
  });
}
