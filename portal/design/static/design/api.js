// Lets a reader of the API's reference ask it: with the token and the consent that they typed, from this page alone.
"use strict";
(() => {
  const who = document.getElementById("who");
  who?.addEventListener("submit", (event) => event.preventDefault());

  const addressOf = (trial) => {
    const query = new URLSearchParams();
    let path = trial.dataset.path;
    for (const field of trial.querySelectorAll("[data-place]")) {
      const value = field.value.trim();
      if (field.dataset.place === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(value));
      else if (value) query.set(field.name, value);
    }
    return query.size ? `${path}?${query}` : path;
  };

  const pretty = (text) => {
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  };

  const ask = async (trial, shown) => {
    const headers = { Accept: "application/json", Authorization: `Bearer ${who.elements.token.value.trim()}` };
    const consent = who.elements.consent.value.trim();
    if (consent) headers["Portal-Consent"] = consent;
    try {
      const answer = await fetch(addressOf(trial), { method: trial.dataset.method, headers, credentials: "omit" });
      shown.textContent = `${answer.status}\n${pretty(await answer.text())}`;
    } catch {
      shown.textContent = shown.dataset.silent;
    }
    shown.hidden = false;
  };

  for (const trial of document.querySelectorAll(".trial")) {
    trial.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!who.elements.token.value.trim()) return who.elements.token.focus();
      ask(trial, trial.querySelector("pre"));
    });
  }
})();
