/* The start page's buttons: each asks the sandbox bank to let its customer do something, and says what it did. */
(() => {
  const panel = document.querySelector("[data-control]");
  if (!panel) return;
  const till = panel.querySelector(".till");
  const { control, login, zone, silent, declined } = panel.dataset;

  const doings = {
    suspicious: ["buy", { suspicious: true }],
    coffee: ["buy", {}],
    order: ["order", {}],
    refund: ["refund", {}],
    salary: ["salary", {}],
  };

  const write = (words, amount, bad) => {
    const line = document.createElement("li");
    const clock = document.createElement("time");
    clock.textContent = new Date().toLocaleTimeString(document.documentElement.lang, { hourCycle: "h23", timeZone: zone });
    const what = document.createElement("span");
    what.textContent = words;
    const much = document.createElement("span");
    much.textContent = amount;
    line.append(clock, what, much);
    line.classList.toggle("is-bad", bad);
    till.prepend(line);
    while (till.children.length > 4) till.lastElementChild.remove();
  };

  const read = (answer) => {
    const { amount, currency } = answer.amount ?? {};
    const much = amount ? `${amount.startsWith("-") ? "\u2212" : "+"}${amount.replace("-", "")} ${currency}` : "";
    return [answer.merchant ?? answer.kind ?? "", much];
  };

  // What was ordered last is on its way: it can be moved on until it has arrived.
  const mover = panel.querySelector("[data-move]");
  let parcel = null;

  const post = (path, body) => fetch(`${control}/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

  const ask = async (button) => {
    const moves = button === mover;
    const [path, body] = moves ? [] : doings[button.dataset.do];
    button.setAttribute("aria-busy", "true");
    try {
      const response = await (moves ? post("parcels/move", { parcel_id: parcel }) : post(`customers/${encodeURIComponent(login)}/${path}`, body));
      const answer = await response.json();
      if (!response.ok) write(answer.detail ?? answer.error ?? declined, "", true);
      else if (moves) write(answer.Events?.at(-1)?.Text ?? mover.textContent, "", false);
      else write(...read(answer), false);
      if (path === "order" && response.ok) parcel = `shp-${answer.AccountId}-${answer.TransactionId}`;
      if (moves && (!response.ok || answer.Status === "delivered")) parcel = null;
      mover.hidden = parcel === null;
    } catch {
      write(silent, "", true);
    } finally {
      button.removeAttribute("aria-busy");
    }
  };

  panel.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do], [data-move]");
    if (button && button.getAttribute("aria-busy") !== "true") ask(button);
  });

  // The phone put away: its page is closed, and what reaches it now comes by mail.
  const phone = document.querySelector(".phone");
  const lock = document.querySelector("[data-lock]");
  const frame = phone?.querySelector("iframe");
  const screen = phone?.querySelector(".phone__lock");
  const page = frame?.src;
  const tell = () => {
    screen.querySelector("[data-clock]").textContent = new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  };
  lock?.addEventListener("click", () => {
    const away = lock.getAttribute("aria-pressed") !== "true";
    lock.setAttribute("aria-pressed", String(away));
    lock.textContent = away ? lock.dataset.back : lock.dataset.away;
    frame.src = away ? "about:blank" : page;
    screen.hidden = !away;
    tell();
  });
  if (screen) setInterval(tell, 5000);

  // On a phone: mark the part that is in sight.
  const tabs = new Map([...document.querySelectorAll(".start__tabs a")].map((a) => [a.hash.slice(1), a]));
  const watcher = new IntersectionObserver(
    (seen) => {
      for (const part of seen) tabs.get(part.target.id)?.classList.toggle("is-here", part.isIntersecting);
    },
    { threshold: 0.6 },
  );
  for (const id of tabs.keys()) {
    const part = document.getElementById(id);
    if (part) watcher.observe(part);
  }
})();
