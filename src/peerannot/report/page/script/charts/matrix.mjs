// A confusion matrix: rows are labels, columns are answers, shades are shares of the row.
import { svg } from "../dom.mjs";
import { count, cut, share, wholePercent } from "../format.mjs";

export const NUMBERED = 14; // classes up to which the cells have room for numbers

// Where the squares are and which names have room, for the names of the classes to be shown.
function layout(names, width) {
  const n = names.length;
  const longest = Math.max(...names.map((name) => name.length), 1);
  const letters = Math.min(longest, width < 480 ? 9 : 13);
  const left = Math.min(letters * 7 + 12, width * 0.3);
  // The last name leans over the edge.
  const lean = 4.8 * Math.min(names[n - 1].length, letters) - 6;
  const side = Math.min((width - left - Math.max(lean, 2)) / n, n > 4 ? 52 : 84);
  if (side < 11) return { left: 0, side: (width - 2) / n, head: 4, letters: 0, upright: false };
  const upright = letters * 7 < side - 4;
  const head = upright ? 22 : Math.min(letters * 5.6 + 14, 96);
  return { left, side, head, letters, upright };
}

function headings(names, { left, side, head, letters, upright }) {
  return names.flatMap((long, r) => {
    const name = cut(long, letters);
    const x = left + r * side + side / 2;
    const turned = { x: x + 3, y: head - 6, transform: `rotate(-52 ${x + 3} ${head - 6})` };
    const row = { x: left - 8, y: head + r * side + side / 2 + 4, "text-anchor": "end" };
    return [
      svg("text", row, name),
      svg("text", upright ? { x, y: head - 8, "text-anchor": "middle" } : turned, name),
    ];
  });
}

function square(x, y, side, part, tip) {
  const drawn = svg("rect", {
    class: "cell",
    x,
    y,
    width: Math.max(side - 1, 1),
    height: Math.max(side - 1, 1),
    rx: 2,
    "fill-opacity": (0.04 + 0.96 * part ** 0.6).toFixed(3),
    "data-tip": tip,
  });
  if (side < 27 || part < 0.005) return [drawn];
  const number = {
    class: part > 0.5 ? "on" : "off",
    x: x + side / 2,
    y: y + side / 2 + 4,
    "text-anchor": "middle",
    "pointer-events": "none",
    "font-size": 11,
  };
  return [drawn, svg("text", number, wholePercent(part))];
}

// `shown` are the classes of the rows, in order; `whose` answers these are, in words.
export const matrix = (cells, shown, nameOf, whose) => (width) => {
  const names = shown.map(nameOf);
  const place = new Map(shown.map((k, i) => [k, i]));
  const sums = new Map();
  for (const { label, count: n } of cells) sums.set(label, (sums.get(label) || 0) + n);
  const room = layout(names, width);
  const { left, side, head } = room;
  const full = { x: left, width: names.length * side - 1, height: Math.max(side - 1, 1), rx: 2 };
  const rows = names.map((_, r) => svg("rect", { class: "none", y: head + r * side, ...full }));
  const squares = cells
    .filter(({ label, answer }) => place.has(label) && place.has(answer))
    .flatMap(({ label, answer, count: n }) => {
      const sum = sums.get(label);
      const tip =
        `${nameOf(label)} called ${nameOf(answer)}\n` +
        `${count(n)} of ${count(sum)} answers (${share(n / sum)})`;
      const x = left + place.get(answer) * side;
      return square(x, head + place.get(label) * side, side, n / sum, tip);
    });
  const said = `Confusion of ${whose}: rows are labels, columns answers, in percent of the row`;
  return svg(
    "svg",
    { width, height: head + names.length * side, role: "img", "aria-label": said },
    rows,
    room.letters > 0 && headings(names, room),
    squares,
  );
};
