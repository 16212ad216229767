// Keeps the accounts page fresh, and lets "all my accounts" speak for the single ones. Pages work without it.
"use strict";
(() => {
  const live = document.querySelector("[data-live]");
  if (live) {
    let shown = "";
    setInterval(async () => {
      if (document.hidden || live.contains(document.activeElement)) return;
      try {
        const answer = await fetch(live.dataset.live, { headers: { Accept: "text/html" } });
        if (answer.status === 401) return location.assign("/");
        if (!answer.ok) return;
        const html = await answer.text();
        if (shown && html !== shown) live.innerHTML = html;
        shown = html;
      } catch {
        // Away for a moment.
      }
    }, 2500);
  }

  const all = document.querySelector('input[name="which"][value="all"]');
  all?.addEventListener("change", () => {
    for (const one of document.querySelectorAll('input[name="account"]')) one.disabled = all.checked;
  });

  const note = document.querySelector(".note[role=status]");
  if (note && location.search) history.replaceState(null, "", location.pathname);
})();
