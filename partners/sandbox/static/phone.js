// The phone has no cookie (it is framed from another site), so the page's sealed nonce says who the customer is:
// it goes into the body of the calls to the bank, never into an address.
"use strict";
(() => {
  const nonce = document.currentScript.dataset.pageNonce;
  const body = JSON.stringify({ page_nonce: nonce });
  const plainFetch = window.fetch.bind(window);
  const tokenUrl = new URL("/widget-token", location.origin).href;

  window.fetch = (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input, location.href).href;
    if (url !== tokenUrl) return plainFetch(input, init);
    const headers = new Headers(init.headers);
    headers.set("Content-Type", "application/json");
    return plainFetch(url, { ...init, method: "POST", headers, body, credentials: "omit" });
  };

  let shown = "";
  async function refresh() {
    const peek = document.getElementById("peek");
    if (document.hidden || !peek) return;
    try {
      const answer = await plainFetch("/phone/peek", {
        method: "POST",
        credentials: "omit",
        headers: { "Content-Type": "application/json" },
        body,
      });
      if (answer.status === 401) return location.reload();
      if (!answer.ok) return;
      const html = await answer.text();
      if (shown && html !== shown) peek.innerHTML = html;
      shown = html;
    } catch {
      // The bank is away for a moment: the next round asks again.
    }
  }
  setInterval(refresh, 2000);
})();
