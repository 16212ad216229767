/* Set the chosen theme before the first paint: load in <head> without defer. Nothing else belongs here. */
(() => {
  const root = document.documentElement;
  root.classList.add("has-script");
  let chosen = null;
  try {
    chosen = localStorage.getItem("portal.theme");
  } catch {
    // Storage is refused in some frames: follow the system.
  }
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
})();
