// Which worker is shown, and who wants to hear of another.
import { byId } from "../dom.mjs";

export function workerChoice() {
  const listeners = [];
  let chosen = 0;
  return {
    is: (w) => w === chosen,
    get index() {
      return chosen;
    },
    listen: (run) => listeners.push(run),
    // With `move`, the page goes to the card of the worker.
    choose(w, move) {
      chosen = w;
      for (const run of listeners) run();
      if (move) byId("card").scrollIntoView({ block: "center" });
    },
  };
}
