// The one way in which the page writes numbers; _format.py says the same for what Python writes.
const WHOLE = new Intl.NumberFormat("en");
const UNKNOWN = "–";

export const missing = (x) => x === null || x === undefined;

// toFixed with separators of thousands, and without a sign of zero.
function fixed(x, digits) {
  const text = x.toFixed(digits);
  const [whole, decimals] = (Number(text) === 0 ? text.replace("-", "") : text).split(".");
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${decimals}`;
}

// A share as percent: 99.3%, 25%, <0.1%. Only 0 and 1 themselves are 0% and 100%.
export function share(x) {
  if (missing(x)) return UNKNOWN;
  if (x > 0 && x < 0.001) return "<0.1%";
  if (x > 0.999 && x < 1) return ">99.9%";
  return `${fixed(100 * x, 1).replace(/\.0$/, "")}%`;
}

// A number that is not a share (entropy, alpha, WAUM): two decimals.
export const score = (x) => (missing(x) ? UNKNOWN : fixed(x, 2));

// A whole number: 12,345.
export const count = (n) => WHOLE.format(n);

// How many of what: 1 task, 1,000 tasks.
export const counted = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;

// Where there is room for few signs: a whole number at an axis, and a share without its sign.
export const tick = (n) => (n >= 10000 ? `${count(Math.round(n / 1000))}k` : count(n));
export const wholePercent = (x) => String(Math.round(100 * x));

// Class names often differ at their ends only.
export function cut(text, n) {
  if (text.length <= n) return text;
  const tail = Math.floor((n - 1) / 3);
  return `${text.slice(0, n - 1 - tail)}…${text.slice(text.length - tail)}`;
}
