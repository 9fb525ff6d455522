// One task, opened: picture, label, posterior, votes, strategies; and the correction of its label.
const open = { position: 0 };

function openTask(position) {
  open.position = position;
  if (position >= grid.drawn) drawMore();
  drawTask();
  const dialog = $("task");
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function turnTask(step) {
  const to = open.position + step;
  if (to >= 0 && to < grid.order.length) openTask(to);
}

function posterior(i) {
  const rows = [];
  for (let j = 0; j < T.post[i].length; j += 2) {
    const [k, p] = [T.post[i][j], T.post[i][j + 1]];
    rows.push(el("dt", {}, className(k)), el("dd", {}, meter(p, k === T.label[i] ? "" : "grey")), el("dd", { class: "num" }, percent(p, 1)));
  }
  return el("dl", { class: "odds" }, rows);
}

function voteRows(i) {
  const rows = [];
  for (let j = 0; j < T.votes[i].length; j += 2) rows.push([T.votes[i][j], T.votes[i][j + 1]]);
  rows.sort((a, b) => (b[1] === T.label[i]) - (a[1] === T.label[i]) || a[1] - b[1] || (W.agree[b[0]] || 0) - (W.agree[a[0]] || 0));
  const skill = (w) => (W.skill ? W.skill[w] : W.agree[w]);
  return el("table", { class: "votes" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Worker"), el("th", { scope: "col" }, "Answer"), el("th", { scope: "col" }, W.skill ? "Skill" : "As the label"))),
    el("tbody", {}, rows.map(([w, k]) => el("tr", { class: k === T.label[i] ? null : "differs" },
      el("th", { scope: "row" },
        el("button", { class: "link", type: "button", on: { click: () => { $("task").close(); chooseWorker(w, true); } } }, W.id[w]),
        flagNames(w).map((name) => [" ", el("span", { class: "tag" }, name)])),
      el("td", {}, className(k)),
      el("td", {}, meter(skill(w), "grey"), percent(skill(w)))))));
}

function drawTask() {
  const i = grid.order[open.position];
  const hidden = T.n[i] - T.votes[i].length / 2;
  const tags = STATUSES.filter(([key, , test]) => ["ambiguous", "unanimous", "differ", "changed", "wrong", "none"].includes(key) && test(i));
  const turn = (text, step, stop) => el("button", { class: "plain", type: "button", disabled: stop, "aria-label": text, on: { click: () => turnTask(step) } }, step < 0 ? "←" : "→");
  const measures = [
    `vote entropy ${decimal(T.vent[i])}`, `posterior entropy ${decimal(T.ent[i])}`,
    T.waum && !missing(T.waum[i]) ? `WAUM ${decimal(T.waum[i])}` : null,
  ].filter(Boolean).join(" · ");
  const held = $("task").contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  $("task").replaceChildren(
    el("div", { class: "top" },
      el("span", { class: "where" }, `${whole.format(open.position + 1)} of ${whole.format(grid.order.length)}`),
      turn("Previous task", -1, open.position === 0),
      turn("Next task", 1, open.position === grid.order.length - 1),
      el("button", { class: "plain", type: "button", id: "close", autofocus: true, on: { click: () => $("task").close() } }, "Close")),
    el("div", { class: "body" },
      picture(i, true),
      el("div", { class: "strategies" }, el("h3", {}, "By strategy"),
        el("ul", { class: "by" }, DATA.strategies.map((s, j) => el("li", { class: T.by[i][j] === T.label[i] ? "same" : null },
          el("span", {}, s.name), el("b", {}, className(T.by[i][j])))))),
      el("div", { class: "told" },
        el("p", { class: "eyebrow" }, "Task " + T.id[i]),
        el("h2", { id: "task-title" }, className(T.label[i])),
        el("p", { class: "sub" }, `${percent(T.conf[i], 1)} sure by ${DATA.strategies[DATA.main].name}`,
          known(i) >= 0 ? `; the truth is ${className(known(i))}` : ""),
        el("p", { class: "tags" }, tags.map(([, name]) => el("span", { class: "tag" }, name))),
        DATA.edit ? correction(i) : T.gold[i] >= 0 && el("p", { class: "sub" }, `A person corrected it to ${className(T.gold[i])}.`),
        el("div", { class: "block" }, el("h3", {}, "Probability of each class"), posterior(i)),
        el("div", { class: "block" },
          el("h3", {}, count(T.n[i], "answer") + (hidden > 0 ? `, the first ${T.votes[i].length / 2}` : "")),
          T.n[i] ? voteRows(i) : el("p", { class: "sub" }, "Nobody has answered yet.")),
        el("p", { class: "said" }, measures))));
  // What had the focus is gone; without it no key would reach the dialog.
  const same = [...$("task").querySelectorAll(".top button")].find((b) => held && !b.disabled && b.getAttribute("aria-label") === held);
  if ($("task").open) (same || $("close")).focus();
}

// Correcting a label: the address of the page holds the token that the server wants to see.
const token = new URLSearchParams(location.search).get("token") || "";

// Corrections that could not be saved, task to class: kept by the browser until they are.
const unsaved = new Map();
const chosen = (i) => (unsaved.has(i) ? unsaved.get(i) : T.gold[i]);
// What is chosen and saved is taken back by choosing it again.
const choose = (i, k) => correct(i, !unsaved.has(i) && T.gold[i] === k ? -1 : k);

function keep(i, k) {
  if (k === null) unsaved.delete(i);
  else unsaved.set(i, k);
  try {
    sessionStorage.setItem("unsaved " + token, JSON.stringify([...unsaved].map(([j, c]) => [T.id[j], c])));
  } catch (_) { /* a browser without storage keeps them as long as the page is open */ }
  $("unsaved").hidden = !unsaved.size;
  $("unsaved-count").textContent = `${count(unsaved.size, "correction")} not saved.`;
}

function rememberUnsaved() {
  const place = new Map(T.id.map((id, i) => [id, i]));
  try {
    for (const [id, k] of JSON.parse(sessionStorage.getItem("unsaved " + token) || "[]")) if (place.has(id)) keep(place.get(id), k);
  } catch (_) { /* nothing was kept */ }
}

async function sendAgain() {
  for (const [i, k] of [...unsaved]) await correct(i, k);
}

function correction(i) {
  const few = DATA.classes.length <= 12;
  const choice = few
    ? el("div", { class: "choices" }, DATA.classes.map((name, k) => el("button", {
        class: "plain", type: "button", "aria-pressed": String(chosen(i) === k), "data-class": k,
        on: { click: () => choose(i, k) },
      }, k < 9 ? el("kbd", { "aria-hidden": "true" }, String(k + 1)) : null, name)))
    : el("select", { "aria-label": "Correct label", on: { change: (event) => correct(i, Number(event.target.value)) } },
        el("option", { value: "-1" }, "not corrected"),
        DATA.classes.map((name, k) => el("option", { value: k, selected: chosen(i) === k }, name)));
  const said = T.gold[i] >= 0 ? `Saved in gold.json as ${className(T.gold[i])}.` : "Choose the right class; it is saved in gold.json.";
  const again = unsaved.has(i) && el("button", { class: "plain", type: "button", id: "again", on: { click: () => correct(i, unsaved.get(i)) } }, "Send again");
  return el("div", { class: "block" }, el("h3", {}, "Correct label"), choice,
    el("p", { class: "said", id: "said", role: "status" }, unsaved.has(i) ? "Not saved yet." : said), again);
}

async function correct(i, k) {
  const label = k < 0 ? null : DATA.classes[k];
  let fault = "";
  try {
    const reply = await fetch("gold", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Peerannot-Token": token },
      body: JSON.stringify({ task: T.id[i], label }),
    });
    if (!reply.ok) fault = (await reply.json()).error;
  } catch (_) {
    fault = "the server does not answer; is peerannot explore still running?";
  }
  if (!fault) T.gold[i] = k;
  keep(i, fault ? k : null);
  redrawTile(grid.order.indexOf(i));
  if (grid.order[open.position] !== i || !$("task").open) return;
  drawTask();
  if (fault) $("said").textContent = "Not saved: " + fault + ". It is kept here: send it again.";
  const again = $("task").querySelector(`[data-class="${k}"]`);
  if (again) again.focus();
}

async function readGold() {
  const reply = await fetch("gold", { headers: { "X-Peerannot-Token": token } });
  if (!reply.ok) return;
  const gold = await reply.json();
  const code = new Map(DATA.classes.map((name, k) => [name, k]));
  T.id.forEach((id, i) => { T.gold[i] = Object.hasOwn(gold, id) ? code.get(gold[id]) ?? -1 : -1; });
  drawGrid();
}

function startTask() {
  const dialog = $("task");
  dialog.addEventListener("close", () => focusTile(open.position));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("select, input")) return;
    if (event.key === "ArrowRight") turnTask(1);
    else if (event.key === "ArrowLeft") turnTask(-1);
    else if (DATA.edit && /^[1-9]$/.test(event.key) && Number(event.key) <= Math.min(DATA.classes.length, 9) && DATA.classes.length <= 12) {
      const i = grid.order[open.position], k = Number(event.key) - 1;
      choose(i, k);
    } else return;
    event.preventDefault();
  });
  if (!DATA.edit) return;
  $("send").addEventListener("click", sendAgain);
  addEventListener("beforeunload", (event) => { if (unsaved.size) event.preventDefault(); });
  rememberUnsaved();
  readGold();
}
