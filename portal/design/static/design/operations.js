/*
 * The operator's plots: asks for the counts every two seconds, and draws what came between two of them.
 * Keeps ten minutes, in the page alone.
 */
(() => {
  const EVERY_MS = 2000;
  const KEPT = 300;
  const NARROWEST_S = 60;
  const rates = document.querySelector('[data-plot="rates"]');
  const screen = document.querySelector('[data-plot="screen"]');
  if (!rates || !screen || !globalThis.uPlot) return;

  const token = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  };

  const line = (label, name) => ({ label, stroke: token(name), width: 2, points: { show: false }, spanGaps: true });
  const clock = (at) => new Date(at * 1000).toLocaleTimeString("en-GB", { timeZone: "UTC" });
  const axis = () => ({
    stroke: token("--ink-faint"),
    grid: { stroke: token("--line"), width: 1 },
    ticks: { stroke: token("--line"), width: 1 },
  });

  const draw = (figure, series, data) => {
    figure.hidden = false;
    const width = figure.clientWidth;
    const options = {
      width,
      height: 180,
      series: [{ value: (_u, at) => (at == null ? "—" : clock(at)) }, ...series],
      axes: [{ ...axis(), values: (_u, places) => places.map(clock), space: 72 }, { ...axis(), size: 48 }],
      scales: {
        x: { range: (_u, low, high) => [Math.min(low, high - NARROWEST_S), high] },
        y: { range: (_u, _low, high) => [0, Math.max(1, high * 1.1)] },
      },
      cursor: { drag: { x: false, y: false } },
      legend: { live: true },
    };
    const plot = new uPlot(options, data, figure);
    new ResizeObserver(() => plot.setSize({ width: figure.clientWidth, height: 180 })).observe(figure);
    return plot;
  };

  /* The bound that a share of what came between two counts lies below, in milliseconds; null for nothing. */
  const quantile = (before, after, share) => {
    const gained = after.map(([bound, n], place) => [bound, n - (before[place]?.[1] ?? 0)]);
    const all = gained.at(-1)?.[1] ?? 0;
    if (all <= 0) return null;
    const found = gained.find(([, n]) => n >= all * share);
    return found?.[0] == null ? null : found[0] * 1000;
  };

  const times = [];
  const columns = { requests: [], bank_calls: [], delivered: [], p50: [], p99: [] };
  let before = null;
  let plots = null;

  const keep = (list, value) => {
    list.push(value);
    if (list.length > KEPT) list.shift();
  };

  const take = (now) => {
    if (before && now.at > before.at) {
      const seconds = now.at - before.at;
      // Nothing is known of the first moment but its time.
      if (!times.length) for (const list of [times, ...Object.values(columns)]) keep(list, list === times ? before.at : null);
      keep(times, now.at);
      for (const name of ["requests", "bank_calls", "delivered"]) {
        keep(columns[name], Math.max(0, now[name] - before[name]) / seconds);
      }
      keep(columns.p50, quantile(before.screen, now.screen, 0.5));
      keep(columns.p99, quantile(before.screen, now.screen, 0.99));
      const first = [times, columns.requests, columns.bank_calls, columns.delivered];
      const second = [times, columns.p50, columns.p99];
      if (!plots) {
        document.getElementById("plot-empty")?.remove();
        plots = [
          draw(rates, [line("requests", "--accent"), line("banks", "--brass"), line("events", "--info")], first),
          draw(screen, [line("p50", "--accent"), line("p99", "--brass")], second),
        ];
      } else {
        plots[0].setData(first);
        plots[1].setData(second);
      }
    }
    before = now;
  };

  const ask = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(rates.dataset.counts, { headers: { Accept: "application/json" } });
      if (answer.ok) take(await answer.json());
    } catch {
      // The next one may get through.
    }
  };

  ask();
  setInterval(ask, EVERY_MS);
})();
