// The words beside the pointer: those of the element under it that has any.
import { byId } from "./dom.mjs";

export function startTip() {
  const tip = byId("tip");
  document.addEventListener("pointermove", (event) => {
    const target = event.target.closest?.("[data-tip]");
    tip.hidden = !target || event.pointerType === "touch";
    if (tip.hidden) return;
    tip.textContent = target.getAttribute("data-tip");
    const box = tip.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, innerWidth - box.width - 8);
    const above = event.clientY + 18 + box.height > innerHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${above ? event.clientY - box.height - 10 : event.clientY + 18}px`;
  });
}
