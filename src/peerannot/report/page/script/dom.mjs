// Elements are made, never parsed, so that no text of the data can become markup.
import { missing } from "./format.mjs";

export const byId = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (missing(value) || value === false) continue;
    if (key === "on") {
      for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
    } else if (key === "width%") node.style.width = `${value}%`;
    else node.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat(3)) {
    if (!missing(child) && child !== false) node.append(child);
  }
  return node;
}

export const el = (name, attributes, ...children) =>
  fill(document.createElement(name), attributes, children);

export const svg = (name, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

export const tag = (text) => el("span", { class: "tag" }, text);

export function meter(part, extra = "") {
  const width = missing(part) ? 0 : Math.max(0, Math.min(100, 100 * part));
  return el(
    "span",
    { class: `meter ${extra}`, "aria-hidden": "true" },
    el("i", { "width%": width }),
  );
}

export function setOptions(select, entries) {
  select.replaceChildren(...entries.map(([value, text]) => el("option", { value }, text)));
}

// Draws at the width there is, and again when that changes; returns what draws once more.
export function drawIn(host, draw) {
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
