// The page of an audit: one task after the other, and nothing of what the crowd said.
import { judge } from "./audit/judge.mjs";
import { byId } from "./dom.mjs";
import { corrections as makeCorrections } from "./tasks/corrections.mjs";
import { startUnsaved } from "./tasks/unsaved.mjs";
import { startTheme } from "./theme.mjs";

function start() {
  const { classes, unsaid, tasks: columns, pictures } = JSON.parse(byId("data").textContent);
  const tasks = columns.id.map((id, i) => ({
    id,
    gold: columns.said[i],
    picture: pictures?.[i] || "",
  }));
  const token = new URLSearchParams(location.search).get("token") || "";
  const said = makeCorrections({ tasks, classes: [...classes, unsaid] }, token);
  startTheme();
  const draw = judge(tasks, classes, said);
  startUnsaved(said);
  said.remember();
  said.read().then(draw, draw);
}

start();
