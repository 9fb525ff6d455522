// Corrected labels: sent to the server, and kept by the browser until they are saved there.

// The address of the page holds the token that the server wants to see.
export function corrections({ tasks, classes }, token) {
  const key = `unsaved ${token}`;
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const unsaved = new Map(); // task to position of the class, -1 for none
  const listeners = [];
  const tell = (task) => {
    for (const run of listeners) run(task);
  };

  function keep(task, k) {
    if (k === null) unsaved.delete(task);
    else unsaved.set(task, k);
    try {
      const kept = [...unsaved].map(([{ id }, label]) => [id, label]);
      sessionStorage.setItem(key, JSON.stringify(kept));
    } catch {
      // A browser without storage keeps them as long as the page is open.
    }
    tell(task);
  }

  // What was wrong, in words; empty where the correction is saved.
  async function post(task, k) {
    try {
      const reply = await fetch("gold", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Peerannot-Token": token },
        body: JSON.stringify({ task: task.id, label: k < 0 ? null : classes[k] }),
      });
      return reply.ok ? "" : (await reply.json()).error;
    } catch {
      return "the server does not answer; is peerannot explore still running?";
    }
  }

  async function send(task, k) {
    const fault = await post(task, k);
    if (!fault) task.gold = k;
    keep(task, fault ? k : null);
    return fault;
  }

  return {
    isUnsaved: (task) => unsaved.has(task),
    chosen: (task) => (unsaved.has(task) ? unsaved.get(task) : task.gold),
    get waiting() {
      return unsaved.size;
    },
    // Told the task whose correction changed.
    listen: (run) => listeners.push(run),
    send,
    async sendAgain() {
      for (const [task, k] of [...unsaved]) await send(task, k);
    },
    remember() {
      try {
        for (const [id, k] of JSON.parse(sessionStorage.getItem(key) || "[]")) {
          if (byId.has(id)) keep(byId.get(id), k);
        }
      } catch {
        // Nothing was kept.
      }
    },
    // What others corrected since the page was made; whether it could be read.
    async read() {
      const reply = await fetch("gold", { headers: { "X-Peerannot-Token": token } });
      if (!reply.ok) return false;
      const gold = await reply.json();
      const code = new Map(classes.map((name, k) => [name, k]));
      for (const task of tasks) {
        task.gold = Object.hasOwn(gold, task.id) ? (code.get(gold[task.id]) ?? -1) : -1;
      }
      return true;
    },
  };
}
