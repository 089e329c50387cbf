"use strict";
/* Reads one address every few seconds and draws it. Text goes in as text, never as markup. */
(() => {
  const EVERY = 5000;
  const SVG = "http://www.w3.org/2000/svg";
  const source = document.body.dataset.source;
  const jobs = document.body.dataset.jobs;
  const byId = (id) => document.getElementById(id);
  let held = false;
  let last = 0;
  let timer = 0;

  const node = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const shape = (name, attributes = {}, text = "") => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    return made;
  };
  const duration = (ms) => {
    if (ms === null || ms === undefined) return "–";
    if (ms < 1000) return `${Math.round(ms)} ms`;
    if (ms < 90000) return `${(ms / 1000).toFixed(1)} s`;
    return ms < 5400000 ? `${Math.round(ms / 60000)} min` : `${(ms / 3600000).toFixed(1)} h`;
  };
  const table = (heads, rows, empty) => {
    if (!rows.length) return node("p", { class: "empty" }, empty);
    const head = node("tr", {}, ...heads.map(([text, kind]) => node("th", { scope: "col", class: kind || "" }, text)));
    const body = rows.map((cells) => node("tr", {}, ...cells.map((cell, n) => node("td", { class: heads[n][1] || "" }, cell))));
    return node("table", {}, node("thead", {}, head), node("tbody", {}, ...body));
  };

  function drawQueues(queues) {
    const focused = document.activeElement && document.activeElement.dataset.act;
    byId("queues").replaceChildren(...Object.entries(queues).map(([name, queue]) => {
      const verb = queue.paused ? "resume" : "pause";
      const button = node("button", { type: "button", "data-act": `${verb} ${name}`, "aria-label": `${verb} the queue ${name}` },
        verb === "pause" ? "Pause" : "Resume");
      button.addEventListener("click", () => turn(name, verb, button));
      if (focused === `${verb} ${name}`) queueMicrotask(() => button.focus());
      return node("li", {},
        node("span", { class: "verdict", "data-state": queue.verdict.state }, queue.verdict.state),
        node("a", { href: `${jobs}?queue=${encodeURIComponent(name)}` }, node("b", {}, name)),
        node("span", { class: "line" }, queue.verdict.text), button);
    }));
  }

  async function turn(name, verb, button) {
    button.disabled = true;
    const token = document.querySelector("#token input").value;
    const answer = await fetch(`/api/queue/${encodeURIComponent(name)}/${verb}`, {
      method: "POST", headers: { "X-CSRFToken": token, "Content-Type": "application/json" }, body: "{}",
    }).catch(() => null);
    if (!answer || !answer.ok) say(`Could not ${verb} ${name}`, true);
    load();
  }

  function drawHour(hour) {
    const width = Math.max(240, byId("hour").clientWidth), height = 240, left = 34, bottom = 18;
    const series = ["arrived", "completed", "failed"];
    const top = Math.max(1, ...series.flatMap((name) => hour[name].map((n) => n || 0)));
    const x = (n) => left + ((width - left) * n) / (hour.arrived.length - 1);
    const y = (n) => (height - bottom) * (1 - n / top) + 4;
    const svg = shape("svg", { viewBox: `0 0 ${width} ${height + 8}`, width, height: height + 8, role: "img" });
    const sums = series.map((name) => `${name} ${hour[name].reduce((sum, n) => sum + (n || 0), 0)}`);
    svg.append(shape("title", {}, `Jobs of the last hour: ${sums.join(", ")}`));
    for (const part of [0, 0.5, 1]) {
      const value = Math.round(top * part);
      svg.append(shape("line", { class: "grid", x1: left, x2: width, y1: y(value), y2: y(value) }));
      svg.append(shape("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, String(value)));
    }
    const start = new Date(hour.start);
    for (const minute of [0, 20, 40]) {
      const at = new Date(start.getTime() + minute * 60000);
      svg.append(shape("text", { x: x(minute), y: height + 4 }, at.toTimeString().slice(0, 5)));
    }
    for (const name of series) {
      const values = hour[name];
      const points = (from, to) => {
        let path = "";
        for (let n = from; n <= to; n += 1) {
          if (values[n] === null) continue;
          path += `${path && values[n - 1] !== null ? "L" : "M"}${x(n).toFixed(1)},${y(values[n]).toFixed(1)}`;
        }
        return path;
      };
      const end = values.length - 1;
      svg.append(shape("path", { class: name, d: points(0, end - 1) }));
      // The minute that is not over is drawn dashed: it always looks like a fall.
      svg.append(shape("path", { class: `${name} unfinished`, d: points(end - 1, end) }));
    }
    byId("hour").replaceChildren(svg);
    byId("hour-legend").replaceChildren(...sums.map((text, n) => {
      const key = shape("svg", { viewBox: "0 0 18 8", "aria-hidden": "true" });
      key.append(shape("line", { class: series[n], x1: 0, x2: 18, y1: 4, y2: 4 }));
      return node("span", {}, key, ` ${text}`);
    }));
  }

  function bar(value, most, kind) {
    const svg = shape("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" });
    if (value) svg.append(shape("rect", { class: kind, width: Math.max(1, (100 * value) / most), height: 10 }));
    return svg;
  }

  function drawTimes(queues) {
    const seen = Object.entries(queues).filter(([, queue]) => queue.wait.p50 !== null || queue.run.p50 !== null);
    const most = Math.max(1, ...seen.flatMap(([, queue]) => [queue.wait.p95 || 0, queue.run.p95 || 0]));
    const heads = [["Queue"], ["Wait p95"], ["p50", "number"], ["p95", "number"], ["p99", "number"],
      ["Run p95"], ["p50", "number"], ["p95", "number"], ["p99", "number"]];
    byId("times").replaceChildren(table(heads, seen.map(([name, { wait, run }]) => [
      name, bar(wait.p95, most, "wait"), duration(wait.p50), duration(wait.p95), duration(wait.p99),
      bar(run.p95, most, "run"), duration(run.p50), duration(run.p95), duration(run.p99),
    ]), "Nothing ended in the last 24 hours."));
  }

  function drawWorkers(workers, now) {
    const heads = [["Pool"], ["Process"], ["State"], ["For", "number"], ["Memory", "number"], ["Done", "number"], ["Release"], ["Heard of", "number"]];
    byId("workers").replaceChildren(table(heads, workers.map((worker) => [
      worker.pool, `${worker.host}:${worker.pid}`,
      worker.jobId ? node("a", { href: `${jobs}${worker.jobId}/change/` }, worker.draining ? "draining" : "busy") : worker.draining ? "draining" : "idle",
      worker.busySince ? duration(now - new Date(worker.busySince)) : "",
      `${Math.round(worker.rssBytes / 1048576)} MiB`, String(worker.jobsDone), worker.release,
      `${duration(Math.max(0, now - new Date(worker.heartbeatAt)))} ago`,
    ]), "No live worker. Jobs are accepted and wait."));
  }

  function spark(trend) {
    const svg = shape("svg", { class: "spark", viewBox: "0 0 100 22", preserveAspectRatio: "none", "aria-hidden": "true" });
    const most = Math.max(1, ...trend);
    const width = 100 / trend.length;
    trend.forEach((n, at) => {
      const height = (22 * n) / most;
      if (n) svg.append(shape("rect", { x: at * width, y: 22 - height, width: width * 0.8, height }));
    });
    return svg;
  }

  function drawFailures(groups) {
    const heads = [["Times", "number"], ["24 h"], ["Kind"], ["Category"], ["Code"], ["Message", "message"], ["Jobs", "number"], ["Last seen"]];
    byId("failures").replaceChildren(table(heads, groups.map((group) => [
      String(group.count), spark(group.trend), group.kind, group.category, group.code, group.message, String(group.jobs),
      node("a", { href: `${jobs}${group.lastJobId}/change/` }, new Date(group.lastSeen).toLocaleString()),
    ]), "None."));
  }

  function drawAlerts(alerts) {
    byId("alerts").hidden = !alerts.length;
    byId("alerts").replaceChildren(...alerts.map((alert) => node("p", {}, alert.message)));
  }

  function say(text, bad) {
    byId("fresh").textContent = text;
    byId("fresh").parentElement.classList.toggle("old", Boolean(bad));
  }

  async function load() {
    clearTimeout(timer);
    try {
      const answer = await fetch(source, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
      const data = await answer.json();
      const now = new Date(data.generatedAt).getTime();
      drawAlerts(data.alerts);
      drawQueues(data.queues);
      drawHour(data.hour);
      drawTimes(data.queues);
      drawWorkers(data.workers, now);
      drawFailures(data.failures);
      last = Date.now();
      say(`As of ${new Date(now).toLocaleTimeString()}`);
    } catch (error) {
      say(last ? `Out of date since ${new Date(last).toLocaleTimeString()}: ${error.message}` : error.message, true);
    }
    plan();
  }

  // Nobody looks at a hidden page, so it asks for nothing.
  function plan() {
    clearTimeout(timer);
    if (!held && !document.hidden) timer = setTimeout(load, EVERY);
  }

  byId("hold").addEventListener("click", () => {
    held = !held;
    byId("hold").setAttribute("aria-pressed", String(held));
    byId("hold").textContent = held ? "Updates paused" : "Pause updates";
    if (held) clearTimeout(timer); else load();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && !held) load(); });
  load();
})();
