/*
 * Shows how far a copy has come while it is fetched. Without scripts the link downloads it all the same.
 *
 *   data-copy-file      a link to a copy
 *   data-copy-progress  where it is said, with data-under-way, data-done, data-failed ({size} in them)
 */
(() => {
  const said = document.querySelector("[data-copy-progress]");
  if (!said) return;

  const size = (bytes) => {
    const [unit, by] = bytes < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
    const form = { style: "unit", unit, maximumFractionDigits: bytes < 1e6 ? 0 : 1 };
    return new Intl.NumberFormat(document.documentElement.lang, form).format(bytes / by);
  };
  const say = (words, bytes) => {
    said.hidden = false;
    said.textContent = words.replace("{size}", size(bytes));
  };
  const nameIn = (answer) =>
    /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? "my-data";

  const fetched = async (url) => {
    const answer = await fetch(url);
    if (!answer.ok || !answer.body) throw new Error(String(answer.status));
    const pieces = [];
    let bytes = 0;
    for (const reader = answer.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      pieces.push(value);
      bytes += value.length;
      say(said.dataset.underWay, bytes);
    }
    const type = answer.headers.get("Content-Type") ?? "";
    return { file: new Blob(pieces, { type }), name: nameIn(answer), bytes };
  };

  const save = ({ file, name }) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };

  let busy = false;
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("[data-copy-file]");
    if (!link) return;
    event.preventDefault();
    if (busy) return;
    busy = true;
    say(said.dataset.underWay, 0);
    try {
      const copy = await fetched(link.href);
      save(copy);
      say(said.dataset.done, copy.bytes);
    } catch {
      say(said.dataset.failed, 0);
    } finally {
      busy = false;
    }
  });
})();
