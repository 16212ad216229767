/* "How we reach you": switching notifications on in this browser, which the browser itself has to ask about. */
(() => {
  const part = document.querySelector("[data-push]");
  if (!part) return;
  const { key, worker, scope } = part.dataset;
  const form = part.querySelector("form[data-subscribe]");
  const button = form.querySelector("button");
  const words = part.querySelector("[data-said]");

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const say = (name) => {
    words.textContent = part.dataset[name];
    words.hidden = false;
  };

  const digest = async (endpoint) =>
    [...new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint)))].map((each) => each.toString(16).padStart(2, "0")).join("");

  // Which of the listed browsers is this one.
  const look = async () => {
    if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) return say("unsupported");
    const registration = await navigator.serviceWorker.getRegistration(scope);
    const held = await registration?.pushManager.getSubscription();
    const mine = held ? document.querySelector(`[data-browser="${await digest(held.endpoint)}"]`) : null;
    if (mine) {
      mine.querySelector("[data-here]").hidden = false;
      return;
    }
    if (Notification.permission === "denied") return say("blocked");
    form.hidden = false;
  };

  const subscribe = async () => {
    if ((await Notification.requestPermission()) !== "granted") return say("blocked");
    const registration = await navigator.serviceWorker.register(worker, { scope });
    await navigator.serviceWorker.ready.catch(() => undefined);
    const held = await registration.pushManager.getSubscription();
    // One made for another key of ours reaches nobody any more.
    if (held && text(held.options.applicationServerKey ?? new ArrayBuffer(0)) !== key) await held.unsubscribe();
    const made = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
    form.elements.endpoint.value = made.endpoint;
    form.elements.p256dh.value = text(made.getKey("p256dh"));
    form.elements.auth.value = text(made.getKey("auth"));
    form.submit();
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    button.setAttribute("aria-busy", "true");
    subscribe()
      .catch(() => say("failed"))
      .finally(() => button.removeAttribute("aria-busy"));
  });
  look().catch(() => say("failed"));
})();
