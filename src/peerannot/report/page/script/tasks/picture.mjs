// The picture of a task, or its id where there is none.
import { el } from "../dom.mjs";
import { cut } from "../format.mjs";

export function picture(task, large) {
  if (!task.picture) return el("span", { class: "pic text" }, cut(task.id, 40));
  const alt = large ? `Task ${task.id}` : "";
  const image = el("img", { src: task.picture, alt, loading: "lazy", decoding: "async" });
  const frame = el("span", { class: "pic" }, image);
  if (large) {
    image.addEventListener("load", () => frame.classList.toggle("small", image.naturalWidth < 64));
  }
  return frame;
}
