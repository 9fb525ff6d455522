// A page of answers that still come in is loaded again when the server has another one.
const SECONDS = 2;

export function startLive(version, token) {
  const look = async () => {
    try {
      const reply = await fetch("version", { headers: { "X-Peerannot-Token": token } });
      const told = await reply.json();
      // Who has a task open is not disturbed.
      if (reply.ok && told.version !== version && !document.querySelector("dialog[open]")) {
        location.reload();
      }
    } catch {
      // The campaign has ended, or is starting again; what is shown stays.
    }
  };
  setInterval(look, SECONDS * 1000);
}
