/*
 * Sends a statement file with its progress shown, and takes one that is dropped. Without scripts the form is sent as any.
 *
 *   data-bring           the form, with data-limit (bytes), data-too-large, data-under-way ({name}, {percent}), data-failed
 *   data-drop            where a file may be dropped
 *   data-bring-progress  holds a progress and a line beside it
 *   data-bring-problem   where a refusal is said
 */
(() => {
  const form = document.querySelector("[data-bring]");
  if (!form) return;
  const input = form.querySelector("input[type=file]");
  const drop = form.querySelector("[data-drop]");
  const shown = form.querySelector("[data-bring-progress]");
  const problem = form.querySelector("[data-bring-problem]");
  const button = form.querySelector("button[type=submit]");

  const refuse = (words) => {
    shown.hidden = true;
    button.disabled = false;
    problem.hidden = false;
    problem.textContent = words;
  };
  const show = (name, percent) => {
    shown.hidden = false;
    shown.querySelector("progress").value = percent;
    shown.querySelector("p").textContent = form.dataset.underWay
      .replace("{name}", name)
      .replace("{percent}", String(percent));
  };
  const send = (file) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.action || location.href);
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      show(file.name, Math.floor((event.loaded * 100) / Math.max(event.total, 1)));
    });
    request.addEventListener("load", () => {
      if (request.response?.url) location.assign(request.response.url);
      else refuse(request.response?.problem ?? form.dataset.failed);
    });
    request.addEventListener("error", () => refuse(form.dataset.failed));
    request.send(new FormData(form));
  };

  form.addEventListener("submit", (event) => {
    const file = input.files[0];
    if (!file) return;
    event.preventDefault();
    problem.hidden = true;
    if (file.size > Number(form.dataset.limit)) {
      refuse(form.dataset.tooLarge);
      return;
    }
    button.disabled = true;
    show(file.name, 0);
    send(file);
  });

  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("is-over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    drop.addEventListener(name, () => drop.classList.remove("is-over"));
  }
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
  });
})();
