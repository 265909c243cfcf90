"use strict";
// page.js - asks the gateway how it is, once a second, and draws what it says.
//
// What counts up is shown as a rate between two answers. When the gateway has begun anew its
// counters are smaller, and the answer before them is no measure; when it does not answer, the
// charts have a hole and the page says since when.

const PERIOD_MS = 1000;
const PATIENCE_MS = 4000;
const RECENT_MS = 10000; // what the time to the first token is guessed from
const SAMPLES_MAX = 600;

const byId = (id) => document.getElementById(id);
const samples = []; // { at, isGap } or { at, status, rates }
const marks = []; // when it began anew
let lostSince = null;
let goodUntil = 0; // the message that it is back stays for a while
let timer = 0;
let isAsking = false;

// --- words for numbers -----------------------------------------------------------

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

function count(value) {
  return plain.format(value);
}

function rate(value) {
  return value >= 100 ? plain.format(value) : String(Math.round(value * 10) / 10);
}

function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : Math.round(value * 10) / 10} ${units[unit]}`;
}

function seconds(value) {
  if (value === null || value === undefined) {
    return "–";
  }
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${Math.round(value * 100) / 100} s`;
}

function age(value) {
  const parts = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
  const first = parts.findIndex(([size]) => value >= size);
  if (first === -1) {
    return "0s";
  }
  return parts.slice(first, first + 2).map(([size, unit], index) =>
    `${Math.floor(index === 0 ? value / size : value % parts[first][0] / size)}${unit}`).join(" ");
}

// --- from answers to rates ---------------------------------------------------------

const FAULTS = ["none", "client", "upstream", "gateway"];

function endsByFault(status) {
  const sums = Object.fromEntries(FAULTS.map((fault) => [fault, 0]));
  for (const end of status.ends) {
    sums[end.fault] = (sums[end.fault] ?? 0) + end.count;
  }
  return sums;
}

function isSameStart(before, status) {
  return before.pid === status.pid && before.uptime_seconds <= status.uptime_seconds
    && before.totals.connections_accepted_total <= status.totals.connections_accepted_total;
}

// The last answer of the same start, or null.
function answerBefore(status) {
  const before = samples.findLast((sample) => !sample.isGap);
  return before && isSameStart(before.status, status) ? before.status : null;
}

function ratesOf(before, status) {
  const time = before === null ? 0 : status.uptime_seconds - before.uptime_seconds;
  if (time <= 0 || time > 5) {
    return null;
  }
  const of = (name) => Math.max(0, status.totals[name] - before.totals[name]) / time;
  const now = endsByFault(status);
  const then = endsByFault(before);
  return {
    tokens: of("deltas_total"),
    pauses: of("pauses_total"),
    cpu: of("worker_cpu_seconds_total"),
    ends: Object.fromEntries(FAULTS.map((fault) => [fault, Math.max(0, now[fault] - then[fault]) / time])),
  };
}

// The earliest answer of this start within <milliseconds>, to compare with.
function answerSince(sample, milliseconds) {
  const before = samples.find((one) => !one.isGap && one.at >= sample.at - milliseconds
    && one.at <= sample.at && isSameStart(one.status, sample.status));
  return before && before !== sample ? before.status : null;
}

// Guessed within a bucket, as Prometheus does; null when nothing has come.
function quantileBetween(before, after, share) {
  const rows = after.buckets.map((row, index) =>
    ({ le: row.le, count: row.count - (before ? before.buckets[index].count : 0) }));
  const rank = share * rows.reduce((sum, row) => sum + row.count, 0);
  let below = 0;
  let from = 0;
  if (rank <= 0) {
    return null;
  }
  for (const { le, count: within } of rows) {
    if (within > 0 && below + within >= rank) {
      return le === null ? from : from + (le - from) * (rank - below) / within;
    }
    below += within;
    from = le ?? from;
  }
  return from;
}

function firstToken(sample, share) {
  const before = answerSince(sample, RECENT_MS);
  const name = "time_to_first_token_seconds";
  return before && quantileBetween(before.histograms[name], sample.status.histograms[name], share);
}

// --- charts --------------------------------------------------------------------------

const state = (name) => (sample) => sample.status.exchanges_by_state[name] ?? 0;
const total = (name) => (sample) => sample.status.totals[name];
const perSecond = (name) => (sample) => (sample.rates ? sample.rates[name] : null);
const endsPerSecond = (fault) => (sample) => (sample.rates ? sample.rates.ends[fault] : null);

const charts = [
  new Chart({ id: "chart-streams", title: "Streams", unit: "now", stacked: true, least: 4, format: count, series: [
    { name: "answering", of: (sample) => state("relaying")(sample) + state("flushing")(sample) + state("collecting")(sample), style: 1 },
    { name: "waiting for text", of: (sample) => state("await_answer")(sample) + state("await_body")(sample), style: 2 },
    { name: "paused", of: state("paused"), style: 3 },
  ] }),
  new Chart({ id: "chart-tokens", title: "Tokens", unit: "pieces of text a second", least: 10, format: rate, series: [
    { name: "per second", of: perSecond("tokens"), style: 1 },
  ] }),
  new Chart({ id: "chart-first", title: "Time to first token", unit: "of the last 10 s", least: 0.05, format: seconds, series: [
    { name: "median", of: (sample) => sample.first50, style: 2 },
    { name: "90 %", of: (sample) => sample.first90, style: 4 },
  ] }),
  new Chart({ id: "chart-ends", title: "Ends", unit: "a second, by fault", stacked: true, least: 1, format: rate, series: [
    { name: "well", of: endsPerSecond("none"), style: 1 },
    { name: "client", of: endsPerSecond("client"), style: 3 },
    { name: "upstream", of: endsPerSecond("upstream"), style: 4 },
    { name: "gateway", of: endsPerSecond("gateway"), style: 5 },
  ] }),
  new Chart({ id: "chart-pauses", title: "Pauses", unit: "readers that are behind", least: 1, format: rate, series: [
    { name: "paused now", of: state("paused"), style: 3 },
    { name: "pauses a second", of: perSecond("pauses"), style: 6 },
  ] }),
  new Chart({ id: "chart-memory", title: "Memory", unit: "of all workers", least: 1 << 20, base: 1024, format: bytes, series: [
    { name: "resident", of: total("worker_resident_bytes"), style: 1 },
    { name: "buffered for readers", of: total("buffered_bytes"), style: 3 },
  ] }),
];

function drawCharts() {
  const now = Date.now();
  while (samples.length > SAMPLES_MAX || (samples[0] && now - samples[0].at > SPAN_MS + 2000)) {
    samples.shift();
  }
  while (marks[0] && now - marks[0] > SPAN_MS) {
    marks.shift();
  }
  for (const chart of charts) {
    chart.draw(samples, now, marks);
  }
}

// --- tiles and tables ------------------------------------------------------------------

function put(id, text, more) {
  byId(id).textContent = text;
  if (more !== undefined) {
    byId(`${id}-more`).textContent = more;
  }
}

// A row: the first cell names it. A cell is a text, or [text or element, class].
function row(cells, className) {
  const made = html("tr", className);
  cells.forEach((cell, index) => {
    const [content, kind] = Array.isArray(cell) ? cell : [cell, ""];
    const place = html(index === 0 ? "th" : "td", kind);
    if (index === 0) {
      place.scope = "row";
    }
    place.append(content);
    made.append(place);
  });
  return made;
}

const number = (text) => [text, "number"];

function badge(word, kind) {
  return html("span", `badge ${kind}`, word);
}

function showHead(status) {
  const kind = status.ready ? "" : status.state === "running" ? "alarm" : "warn";
  byId("state").className = `badge ${kind}`;
  byId("state").textContent = status.ready ? `${status.state}, ready` : `${status.state}, ${status.readiness}`;
  put("version", status.version);
  put("uptime", age(status.uptime_seconds));
  put("pid", String(status.pid));
  put("workers-ready", `${status.workers_ready} of ${status.workers_wanted}`);
  const exchanges = status.totals.exchanges;
  document.title = `${status.ready ? "" : "⚠ "}${count(exchanges)} streams · Tidegate`;
}

function showTiles(sample) {
  const { status, rates } = sample;
  const states = status.exchanges_by_state;
  const name = "time_to_first_token_seconds";
  const lately = ratesOfEnds(sample);
  put("tile-streams", count(status.totals.exchanges),
    `${count(states.await_answer)} waiting, ${count(states.paused)} paused`);
  put("tile-tokens", rates ? rate(rates.tokens) : "–", `${count(status.totals.deltas_total)} in all`);
  put("tile-first", seconds(sample.first50 ?? status.histograms[name].p50),
    `${sample.first50 === null ? "since the start; " : ""}90 %: ${seconds(sample.first90 ?? status.histograms[name].p90)}`);
  put("tile-well", lately.all === 0 ? "–" : `${Math.floor(lately.well / lately.all * 1000) / 10} %`,
    `of ${count(lately.all)} in five minutes`);
  put("tile-memory", bytes(status.totals.worker_resident_bytes),
    rates ? `${Math.round(rates.cpu * 100)} % of a processor` : "");
}

// How many have ended in the time shown; of this start only.
function endsLately(sample) {
  const before = answerSince(sample, SPAN_MS);
  return sample.status.ends.map((end, index) =>
    ({ ...end, lately: before ? Math.max(0, end.count - before.ends[index].count) : 0 }));
}

function ratesOfEnds(sample) {
  const ends = endsLately(sample);
  const sum = (rows) => rows.reduce((all, end) => all + end.lately, 0);
  return { all: sum(ends), well: sum(ends.filter((end) => end.fault === "none")) };
}

const FAULT_STYLES = { none: 1, client: 3, upstream: 4, gateway: 5 };

function showEnds(sample) {
  const ends = endsLately(sample).filter((end) => end.count > 0);
  const most = Math.max(1, ...ends.map((end) => end.lately));
  ends.sort((a, b) => b.lately - a.lately || b.count - a.count);
  byId("ends").replaceChildren(...ends.map((end) => {
    const bar = html("div", `bar s${FAULT_STYLES[end.fault] ?? 6}`);
    bar.style.width = `${end.lately / most * 100}%`;
    bar.hidden = end.lately === 0;
    return row([end.reason, end.fault, [bar, "wide"], number(count(end.lately)), number(count(end.count))]);
  }));
  byId("no-ends").hidden = ends.length > 0;
}

function showUpstreams(status) {
  byId("upstreams").replaceChildren(...status.upstreams.map((one) => {
    const circuit = html("span");
    for (const [word, kind] of [["closed", ""], ["half_open", "warn"], ["open", "alarm"]]) {
      if (one[word] > 0) {
        circuit.append(badge(`${one[word]} ${word.replace("_", " ")}`, kind), " ");
      }
    }
    circuit.append(circuit.hasChildNodes() ? "" : "not in use");
    return row([one.name, [circuit, ""], number(count(one.openings)), number(count(one.retries)),
      number(count(one.retries_withheld))]);
  }));
  byId("models").replaceChildren(...status.models.map((one) => row([one.name, number(count(one.requests)),
    number(count(one.input_tokens)), number(count(one.output_tokens)),
    number(seconds(one.time_to_first_token_seconds.p50))], one.requests === 0 ? "faint" : "")));
}

const WORKER_KINDS = { ready: "", starting: "warn", draining: "warn", down: "alarm" };

function showWorkers(status) {
  const ofCap = (value, most) => number(`${count(value)} of ${count(most)}`);
  byId("workers").replaceChildren(...status.workers.map((one) => {
    const head = [String(one.slot), [badge(one.state, WORKER_KINDS[one.state] ?? "warn"), ""]];
    if (one.state === "down") {
      return row([...head, ...Array(7).fill(number("–")), number(count(one.restarts))]);
    }
    return row([...head, number(String(one.pid)), ofCap(one.exchanges, one.exchanges_max),
      ofCap(one.connections, one.connections_max), number(bytes(one.resident_bytes)),
      number(`${one.cpu_seconds.toFixed(1)} s`), number(bytes(one.buffered_bytes)),
      number(age(one.uptime_seconds)), number(count(one.restarts))]);
  }));
}

let confShown = "";

function textOf(value) {
  return value === null ? "required" : Array.isArray(value) ? value.join("  ") : value;
}

// Only when it has changed: a person may be reading, or selecting, in it.
function showConf(conf) {
  const text = JSON.stringify(conf);
  if (text === confShown) {
    return;
  }
  confShown = text;
  put("conf-file", conf === null ? "could not be made" : `${conf.file}, generation ${conf.generation}`);
  byId("keys").replaceChildren(...Object.entries(conf === null ? {} : conf.keys).map(([key, one]) => {
    const value = textOf(one.value);
    const standard = textOf(one.default);
    return row([[key, "key"], [value || "–", value === standard ? "value" : "value changed"],
      [standard || "–", "value"]]);
  }));
  filterConf();
}

function filterConf() {
  const word = byId("conf-filter").value.trim().toLowerCase();
  for (const one of byId("keys").rows) {
    one.hidden = !one.textContent.toLowerCase().includes(word);
  }
}

// --- the clock ---------------------------------------------------------------------------

function showConnection() {
  const banner = byId("banner");
  document.body.classList.toggle("lost", lostSince !== null);
  banner.classList.toggle("good", lostSince === null);
  if (lostSince !== null) {
    banner.textContent = "The gateway does not answer. What is below is old; this page goes on asking.";
    put("asked", `No answer for ${age((Date.now() - lostSince) / 1000)}`);
    byId("state").className = "badge alarm";
    byId("state").textContent = "no answer";
    document.title = "⚠ no answer · Tidegate";
  }
  banner.hidden = lostSince === null && Date.now() > goodUntil;
}

function take(status) {
  const last = samples.findLast((sample) => !sample.isGap);
  const hasBegunAnew = last !== undefined && !isSameStart(last.status, status);
  const sample = { at: Date.now(), isGap: false, status, rates: ratesOf(answerBefore(status), status) };
  if (hasBegunAnew) {
    marks.push(sample.at);
  }
  if (lostSince !== null || hasBegunAnew) {
    goodUntil = Date.now() + 10000;
    byId("banner").textContent = hasBegunAnew ? "The gateway has begun anew: all counters are at zero."
      : "The gateway answers again.";
  }
  lostSince = null;
  samples.push(sample);
  sample.first50 = firstToken(sample, 0.5);
  sample.first90 = firstToken(sample, 0.9);
  showHead(status);
  showTiles(sample);
  showEnds(sample);
  showUpstreams(status);
  showWorkers(status);
  showConf(status.conf);
  put("asked", `As of ${new Date().toLocaleTimeString()}`);
}

async function ask() {
  if (isAsking) {
    return;
  }
  isAsking = true;
  clearTimeout(timer);
  try {
    const answer = await fetch("/status.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) {
      throw new Error(`status ${answer.status}`);
    }
    take(await answer.json());
  } catch {
    lostSince ??= Date.now();
    samples.push({ at: Date.now(), isGap: true });
  }
  showConnection();
  drawCharts();
  isAsking = false;
  if (!document.hidden) {
    timer = setTimeout(ask, PERIOD_MS);
  }
}

byId("charts").append(...charts.map((chart) => chart.figure));
byId("conf-filter").addEventListener("input", filterConf);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    ask();
  }
});
addEventListener("resize", drawCharts);
ask();
