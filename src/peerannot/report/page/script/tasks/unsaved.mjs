// The line that says how many corrections are not saved, and sends them again.
import { byId } from "../dom.mjs";
import { counted } from "../format.mjs";

export function startUnsaved(corrections) {
  corrections.listen(() => {
    byId("unsaved").hidden = !corrections.waiting;
    byId("unsaved-count").textContent = `${counted(corrections.waiting, "correction")} not saved.`;
  });
  byId("send").addEventListener("click", corrections.sendAgain);
  addEventListener("beforeunload", (event) => {
    if (corrections.waiting) event.preventDefault();
  });
}
