/*
 * What makes pages nicer where scripts run. Every page works without it. Load with defer.
 *
 *   data-theme-choice="auto|light|dark"  a button that sets the theme
 *   data-dialog="id"                     a link or button that opens <dialog id> instead of following its href
 *   data-close                           closes the dialog around it; removes the toast around it
 *   data-copy="text"                     copies, and says so by data-copied
 *   data-ticks="name"                    a button, hidden without scripts, that ticks all boxes of that name in its form
 *   data-submit-on-change                a control that submits its form when it changes
 */
(() => {
  const root = document.documentElement;

  const markTheme = () => {
    const now = root.dataset.theme || "auto";
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === now));
    }
  };

  const chooseTheme = (choice) => {
    if (choice === "auto") delete root.dataset.theme;
    else root.dataset.theme = choice;
    try {
      if (choice === "auto") localStorage.removeItem("portal.theme");
      else localStorage.setItem("portal.theme", choice);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
    markTheme();
  };

  const copy = async (button) => {
    const before = button.textContent;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.copied || before;
    setTimeout(() => (button.textContent = before), 1600);
  };

  const closeMenus = (except) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(except)) menu.open = false;
    }
  };

  document.addEventListener("click", (event) => {
    closeMenus(event.target);
    const found = (selector) => event.target.closest(selector);
    const theme = found("[data-theme-choice]");
    const opener = found("[data-dialog]");
    const closer = found("[data-close]");
    const copier = found("[data-copy]");
    if (theme) chooseTheme(theme.dataset.themeChoice);
    const ticker = found("[data-ticks]");
    if (ticker) for (const box of ticker.form.querySelectorAll(`input[name="${ticker.dataset.ticks}"]`)) box.checked = true;
    if (copier) copy(copier).catch(() => undefined);
    if (opener) {
      const dialog = document.getElementById(opener.dataset.dialog);
      if (dialog instanceof HTMLDialogElement) {
        event.preventDefault();
        dialog.showModal();
      }
    }
    if (closer) {
      const dialog = closer.closest("dialog");
      if (dialog) {
        event.preventDefault();
        dialog.close();
      } else closer.closest(".toast")?.remove();
    }
    if (event.target instanceof HTMLDialogElement) event.target.close();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeMenus(null);
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form?.requestSubmit();
  });

  window.addEventListener("storage", (event) => {
    if (event.key === "portal.theme") chooseTheme(event.newValue || "auto");
  });

  // A hidden page asks for nothing: what polls waits until somebody looks again.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const polls = event.detail.elt.getAttribute("hx-trigger")?.includes("every");
    if (polls && document.hidden) event.preventDefault();
  });

  // A part that is swapped while somebody is inside it would take the focus away: it waits one beat.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const polls = event.detail.requestConfig?.elt?.getAttribute("hx-trigger")?.includes("every");
    const inside = event.detail.target.contains(document.activeElement);
    const open = event.detail.target.querySelector("dialog[open]");
    if (polls && (inside || open)) event.detail.shouldSwap = false;
  });

  // Toasts that only confirm leave by themselves; warnings stay until they are closed.
  for (const toast of document.querySelectorAll(".toast[data-leaves]")) {
    setTimeout(() => toast.remove(), 6000);
  }

  for (const button of document.querySelectorAll("[data-ticks]")) button.hidden = false;

  markTheme();
})();
