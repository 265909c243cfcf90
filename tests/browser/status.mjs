// SPDX-License-Identifier: MIT
//
// status.mjs SETTINGS - the status page before a gateway under load. SETTINGS is JSON: base, the
// address of the admin listener, only, the names of the scenarios, and picture, where the
// picture of the documentation is to be written, if it is.
//
// In the scenario "restart" the gateway stops and starts again: each step is told in a line, and
// done when a line has come back.
import { createInterface } from "node:readline";
import { run } from "./browser.mjs";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function step(name) {
  console.log(JSON.stringify({ step: name }));
  await lines.next();
}

const text = (page, id) => page.locator(`#${id}`).textContent();

async function open(page, { base }) {
  await page.goto(`${base}/status`);
  await page.getByText("running, ready").first().waitFor();
}

// How many pieces a line or an area of a chart has by now.
const pointsOf = (page, id) => page.evaluate((chart) => Math.max(0, ...[...document
  .querySelectorAll(`#${chart} svg .stroke, #${chart} svg .area`)]
  .map((path) => path.getAttribute("d").split("L").length)), id);

const waitForPoints = (page, id, least) => page.waitForFunction(([chart, count]) =>
  [...document.querySelectorAll(`#${chart} svg .stroke, #${chart} svg .area`)]
    .some((path) => path.getAttribute("d").split("L").length >= count), [id, least]);

const CHARTS = ["chart-streams", "chart-tokens", "chart-first", "chart-ends", "chart-pauses",
  "chart-memory"];

async function waitForTokens(page) {
  await page.waitForFunction(() => parseFloat(document.getElementById("tile-tokens").textContent) > 0);
}

// What stands beside the edge, and what is too small for a finger.
function measure(page) {
  return page.evaluate(() => ({
    overflow: document.documentElement.scrollWidth - innerWidth,
    ground: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.body).color,
    wide: [...document.querySelectorAll("main > *, .card, .tiles > div")]
      .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.id || one.className),
  }));
}

// Contrast of all texts with what is behind them (WCAG 2.1, success criterion 1.4.3).
function lowContrast(page) {
  return page.evaluate(() => {
    const light = (rgb) => rgb.map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
      .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const parse = (text) => text.match(/[\d.]+/g).map(Number);
    const ground = (element) => {
      for (let one = element; one; one = one.parentElement) {
        const colour = parse(getComputedStyle(one).backgroundColor);
        if (colour.length === 3 || colour[3] === 1) {
          return colour.slice(0, 3);
        }
      }
      return [255, 255, 255];
    };
    const found = [];
    for (const element of document.querySelectorAll("body *")) {
      const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
      if (!hasText || element.getClientRects().length === 0 || element.closest("script, style")) {
        continue;
      }
      const style = getComputedStyle(element);
      const ink = parse(element instanceof SVGElement ? style.fill : style.color).slice(0, 3);
      const [a, b] = [light(ink), light(ground(element))].sort((x, y) => y - x);
      const contrast = (a + 0.05) / (b + 0.05);
      if (contrast < 4.5) {
        found.push(`${element.textContent.trim().slice(0, 30)}: ${contrast.toFixed(2)}`);
      }
    }
    return found;
  });
}

const scenarios = {
  live: {
    act: async (page, settings) => {
      await open(page, settings);
      await waitForTokens(page);
      for (const chart of CHARTS) {
        await waitForPoints(page, chart, 2);
      }
      const before = { streams: await pointsOf(page, "chart-streams"), text: await text(page, "asked") };
      await waitForPoints(page, "chart-streams", before.streams + 2);
      await page.getByText("Conf in force").click();
      await page.getByRole("searchbox", { name: "Find a key" }).fill("auth.secrets");
      const keys = await page.locator("#keys tr:visible").allInnerTexts();
      return {
        keys,
        tokens: parseFloat((await text(page, "tile-tokens")).replace(/,/g, "")),
        streams: Number(await text(page, "tile-streams")),
        first: await text(page, "tile-first"),
        memory: await text(page, "tile-memory"),
        workers: await page.locator("#workers tr").count(),
        ends: await page.locator("#ends tr th").allInnerTexts(),
        upstreams: await page.locator("#upstreams").innerText(),
        labels: await page.locator(".plot svg").evaluateAll((all) =>
          all.map((one) => `${one.getAttribute("role")} ${one.getAttribute("aria-label")}`)),
        headings: await page.getByRole("heading").allInnerTexts(),
        unnamed: await page.locator("[role=region]:not([aria-label]):not([aria-labelledby])").count(),
        everything: await page.locator("html").innerHTML(),
      };
    },
  },
  restart: {
    act: async (page, settings) => {
      await open(page, settings);
      await waitForTokens(page);
      await step("stop");
      const banner = page.getByRole("status");
      await banner.getByText("does not answer").waitFor();
      const lost = { title: await page.title(), state: await text(page, "state") };
      await step("start");
      await banner.getByText("begun anew").waitFor();
      await page.getByText("running, ready").first().waitFor();
      await page.locator("#chart-streams .mark-line").waitFor({ state: "attached" });
      await waitForTokens(page);
      const holes = await page.locator("#chart-memory .stroke.s1").count();
      const rates = await page.evaluate(() => samples.filter((one) => one.rates)
        .map((one) => Math.min(one.rates.tokens, one.rates.pauses, one.rates.cpu)));
      return { lost, holes, least: Math.min(...rates), lines: await page.locator("#chart-streams .mark-line").count(),
        isDim: await page.evaluate(() => document.body.classList.contains("lost")) };
    },
  },
  phone: {
    options: { viewport: { width: 360, height: 740 }, colorScheme: "light", isMobile: true, hasTouch: true },
    act: async (page, settings) => {
      await open(page, settings);
      await waitForTokens(page);
      await picture(page, settings, "phone");
      return { ...await measure(page), low: await lowContrast(page) };
    },
  },
  light: {
    options: { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
    act: async (page, settings) => {
      await open(page, settings);
      await waitForTokens(page);
      await page.waitForTimeout(settings.picture ? 50000 : 0);
      await picture(page, settings, "light");
      return { ...await measure(page), low: await lowContrast(page) };
    },
  },
  dark: {
    options: { viewport: { width: 1280, height: 900 }, colorScheme: "dark", reducedMotion: "reduce" },
    act: async (page, settings) => {
      await open(page, settings);
      await waitForTokens(page);
      await picture(page, settings, "dark");
      return { ...await measure(page), low: await lowContrast(page),
        motion: await page.evaluate(() => getComputedStyle(document.querySelector("main")).transitionDuration) };
    },
  },
};

async function picture(page, { picture: path }, name) {
  if (path) {
    await page.screenshot({ path: `${path}-${name}.png`, fullPage: name === "phone" });
  }
}

const settings = JSON.parse(process.argv[2]);
await run(Object.fromEntries(settings.only.map((name) => [name, scenarios[name]])), settings);
process.exit(0);
