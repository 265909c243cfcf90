"use strict";
// chart.js - one chart over time in SVG: lines, or areas on top of each other.

const SVG = "http://www.w3.org/2000/svg";
const SPAN_MS = 5 * 60 * 1000;
const SPANS_MS = [60 * 1000, 2 * 60 * 1000, SPAN_MS]; // it begins close and steps back
const GAP_MS = 5000; // without a sample for so long, a line is interrupted

function svg(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  if (text !== undefined) {
    element.textContent = text;
  }
  return element;
}

function html(name, className, text) {
  const element = document.createElement(name);
  if (className) {
    element.className = className;
  }
  if (text !== undefined) {
    element.textContent = text;
  }
  return element;
}

// The next of 1, 2, 5, 10, ... or, for bytes, of the powers of two.
function roundUp(value, base) {
  if (base === 1024) {
    return 2 ** Math.ceil(Math.log2(value));
  }
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10].find((step) => value <= power * step * 1.000001);
}

// Runs of samples between which nothing is missing: [[x, value], ...], ...
function runsOf(samples, valueOf, xOf) {
  const runs = [];
  let last = null;
  for (const sample of samples) {
    const value = sample.isGap ? null : valueOf(sample);
    if (value === null || value === undefined) {
      last = null;
      continue;
    }
    if (last === null || sample.at - last > GAP_MS) {
      runs.push([]);
    }
    runs.at(-1).push([xOf(sample.at), value]);
    last = sample.at;
  }
  return runs;
}

const point = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;

class Chart {
  // series: [{ name, of: sample -> number or null, style: 1 to 6 }]
  constructor({ id, title, unit, series, stacked = false, format, least = 1, base = 10 }) {
    Object.assign(this, { title, series, stacked, format, least, base });
    this.figure = html("figure", "card");
    this.figure.id = id;
    const caption = html("figcaption");
    caption.append(html("h3", "", title), html("span", "", unit));
    const legend = html("ul", "legend");
    this.values = series.map((one) => {
      const item = html("li");
      const value = html("b", "", "–");
      item.append(html("i", `s${one.style}`), `${one.name} `, value);
      legend.append(item);
      return value;
    });
    this.plot = html("div", "plot");
    this.figure.append(caption, legend, this.plot);
  }

  draw(samples, now, marks) {
    const width = this.plot.clientWidth;
    const height = this.plot.clientHeight;
    if (width === 0 || height === 0) {
      return;
    }
    const last = samples.at(-1);
    const shown = this.series.map((one) => (last && !last.isGap ? one.of(last) : null));
    shown.forEach((value, index) => {
      this.values[index].textContent = value === null || value === undefined ? "–" : this.format(value);
    });
    const box = { left: 2, right: width - 2, top: 14, bottom: height - 16 };
    const top = this.topOf(samples);
    const age = samples.length > 0 ? now - samples[0].at : 0;
    const span = SPANS_MS.find((one) => age <= one) ?? SPAN_MS;
    const xOf = (at) => Math.max(box.left, box.right - (now - at) / span * (box.right - box.left));
    const yOf = (value) => box.bottom - value / top * (box.bottom - box.top);
    const image = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
    image.setAttribute("aria-label", this.words(shown));
    this.drawGrid(image, box, top, yOf, `${span / 60000} min ago`);
    for (const at of marks) {
      image.append(svg("line", { class: "mark-line", x1: xOf(at), x2: xOf(at), y1: box.top, y2: box.bottom }));
      image.append(svg("text", { x: Math.min(xOf(at) + 3, box.right - 40), y: box.top + 10 }, "restart"));
    }
    (this.stacked ? this.drawAreas : this.drawLines).call(this, image, samples, xOf, yOf);
    this.plot.replaceChildren(image);
  }

  words(shown) {
    const parts = this.series.map((one, index) =>
      `${one.name} ${shown[index] === null || shown[index] === undefined ? "none" : this.format(shown[index])}`);
    return `${this.title}, now: ${parts.join(", ")}`;
  }

  topOf(samples) {
    let most = 0;
    for (const sample of samples) {
      if (!sample.isGap) {
        const values = this.series.map((one) => one.of(sample) ?? 0);
        const value = this.stacked ? values.reduce((sum, part) => sum + part, 0) : Math.max(...values);
        most = Math.max(most, value);
      }
    }
    return roundUp(Math.max(most, this.least), this.base);
  }

  drawGrid(image, box, top, yOf, begin) {
    for (const share of [0, 0.5, 1]) {
      const y = Math.round(yOf(top * share)) + 0.5;
      image.append(svg("line", { class: share === 0 ? "base" : "grid", x1: box.left, x2: box.right, y1: y, y2: y }));
      if (share > 0) {
        image.append(svg("text", { x: box.left, y: y - 3 }, this.format(top * share)));
      }
    }
    image.append(svg("text", { x: box.left, y: box.bottom + 13 }, begin));
    image.append(svg("text", { x: box.right, y: box.bottom + 13, "text-anchor": "end" }, "now"));
  }

  drawLines(image, samples, xOf, yOf) {
    this.series.forEach((one) => {
      for (const run of runsOf(samples, one.of, xOf)) {
        const points = run.map(([x, value]) => [x, yOf(value)]);
        const line = `M${points.map(point).join("L")}`;
        if (points.length > 1 && this.series.length < 3) {
          const under = `${line}L${point([points.at(-1)[0], yOf(0)])}L${point([points[0][0], yOf(0)])}Z`;
          image.append(svg("path", { class: `under s${one.style}`, d: under }));
        }
        image.append(svg("path", { class: `stroke s${one.style}`, d: points.length > 1 ? line : `${line}h.1` }));
      }
    });
  }

  drawAreas(image, samples, xOf, yOf) {
    const sumTo = (sample, count) => this.series.slice(0, count).reduce((sum, one) => sum + (one.of(sample) ?? 0), 0);
    const isThere = (sample) => this.series.some((one) => one.of(sample) !== null && one.of(sample) !== undefined);
    this.series.forEach((one, index) => {
      const upper = runsOf(samples, (sample) => (isThere(sample) ? sumTo(sample, index + 1) : null), xOf);
      const lower = runsOf(samples, (sample) => (isThere(sample) ? sumTo(sample, index) : null), xOf);
      upper.forEach((run, number) => {
        const there = run.map(([x, value]) => point([x, yOf(value)]));
        const back = lower[number].map(([x, value]) => point([x, yOf(value)])).reverse();
        image.append(svg("path", { class: `area s${one.style}`, d: `M${there.concat(back).join("L")}Z` }));
      });
    });
  }
}
