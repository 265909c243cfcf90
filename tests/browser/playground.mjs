// SPDX-License-Identifier: MIT
//
// playground.mjs SETTINGS - the playground as a person uses it. SETTINGS is JSON: base, token,
// and picture, where the picture of the documentation is to be written, if it is.
//
// Everything is found by the words that a screen reader would say.
import { createServer } from "node:http";
import { run } from "./browser.mjs";

const say = (words) => `@sim ${words}`;

const message = (page) => page.getByRole("textbox", { name: "Message" });
const button = (page, name) => page.getByRole("button", { name, exact: true });
const lastTurn = (page) => page.getByRole("article").last();
const words = (page) => lastTurn(page).locator(".words").last();
const figure = (page, id) => page.locator(`#${id}`).textContent();

async function open(page, { base, token }) {
  await page.goto(`${base}/#token=${token}`);
}

async function choose(page, { format, model }) {
  if (format) {
    await page.getByRole("radio", { name: format }).check();
  }
  if (model) {
    await page.getByRole("combobox", { name: "Model" }).fill(model);
  }
}

async function send(page, text) {
  await message(page).fill(text);
  await button(page, "Send").click();
}

const isOver = (page) => button(page, "Send").waitFor();

async function ask(page, text) {
  await send(page, text);
  await isOver(page);
}

// How the answer on the screen grows, from the next question on.
async function watchGrowth(page) {
  await page.evaluate(() => {
    window.lengths = [];
    new MutationObserver(() => {
      const last = [...document.querySelectorAll(".answer > .words")].at(-1);
      if (last && window.lengths.at(-1) !== last.textContent.length) {
        window.lengths.push(last.textContent.length);
      }
    }).observe(document.getElementById("log"), { childList: true, subtree: true });
  });
}

async function figures(page) {
  const found = {};
  for (const id of ["first", "rate", "count", "total", "request-id"]) {
    found[id] = await figure(page, id);
  }
  return found;
}

async function failure(page) {
  const alert = lastTurn(page).getByRole("alert");
  return {
    title: await alert.locator(".title").textContent(),
    fields: await alert.locator("dl").innerText(),
    body: (await alert.locator("pre").count()) > 0 ? await alert.locator("pre").textContent() : "",
  };
}

// A page of another origin, which asks the gateway as a front end would.
async function askFromElsewhere(page, settings) {
  const { base, token } = settings;
  const server = createServer((_, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end("<!doctype html><title>elsewhere</title><link rel=icon href=data:,>");
  });
  await new Promise((resolve) => { server.listen(settings.elsewhere, "127.0.0.1", resolve); });
  const origin = `http://127.0.0.1:${settings.elsewhere}`;
  try {
    await page.goto(origin);
    const fetchAs = (bearer) => page.evaluate(async ([url, bearer]) => {
      try {
        const answer = await fetch(url, {
          method: "POST",
          headers: { Authorization: `Bearer ${bearer}`, "Content-Type": "application/json" },
          body: JSON.stringify({ messages: [{ role: "user", content: "@sim tokens=3" }] }),
        });
        const id = answer.headers.get("X-Request-Id");
        return { status: answer.status, id, text: await answer.text() };
      } catch (error) {
        return { refused: String(error) };
      }
    }, [`${base}/api/ai/huggingface/test/model/chat?chat_id=elsewhere`, bearer]);
    return { origin, answered: await fetchAs(token), refused: await fetchAs("a.b.c") };
  } finally {
    server.close();
  }
}

function chatIn(format) {
  return {
    async act(page, settings) {
      await open(page, settings);
      const address = page.url();
      await choose(page, { format, model: "test/model" });
      await watchGrowth(page);
      await ask(page, say("tokens=40 pace=20 seed=3"));
      const first = { text: await words(page).textContent(), figures: await figures(page) };
      const growth = await page.evaluate(() => window.lengths);
      await ask(page, "And then?");
      return { address, first, growth, status: await page.getByRole("status").textContent() };
    },
  };
}

function stopBy(how) {
  return {
    async act(page, settings) {
      await open(page, settings);
      await choose(page, { model: "test/model" });
      await send(page, say("tokens=100000 pace=10"));
      await page.waitForFunction(() => document.querySelector(".answer .words")?.textContent.length > 20);
      await how(page);
      await isOver(page);
      const foot = await lastTurn(page).locator(".foot").textContent();
      return { foot, id: await figure(page, "request-id") };
    },
  };
}

function failIn(format) {
  return {
    async act(page, settings) {
      await open(page, settings);
      await choose(page, { format, model: "test/model" });
      await ask(page, say("tokens=50 pace=5 cut_after=8"));
      return { failure: await failure(page), text: await words(page).textContent() };
    },
  };
}

const SCENARIOS = {
  text: chatIn("text"),
  data: chatIn("data"),
  ui: chatIn("ui"),
  openai: chatIn("openai"),
  models: {
    async act(page, settings) {
      await open(page, settings);
      await page.locator("#models option").first().waitFor({ state: "attached" });
      return {
        names: await page.locator("#models option").evaluateAll((all) => all.map((it) => it.value)),
        note: await page.locator("#model-note").textContent(),
      };
    },
  },

  stop_by_button: stopBy((page) => button(page, "Stop").click()),
  stop_by_key: stopBy((page) => page.keyboard.press("Escape")),
  cut_text: failIn("text"),
  cut_data: failIn("data"),
  cut_ui: failIn("ui"),
  cut_openai: failIn("openai"),

  // The answer to the former chat must not reach the new one.
  new_chat: {
    async act(page, settings) {
      await open(page, settings);
      await choose(page, { model: "test/model" });
      await send(page, say("tokens=100000 pace=10"));
      await page.waitForFunction(() => document.querySelector(".answer .words")?.textContent.length > 20);
      await button(page, "New chat").click();
      await isOver(page);
      const turns = await page.getByRole("article").count();
      await ask(page, say("tokens=3"));
      return { turns, after: await page.getByRole("article").count() };
    },
  },

  refused: {
    async act(page, settings) {
      await open(page, { ...settings, token: "a.b.c" });
      await choose(page, { model: "test/model" });
      await ask(page, "Hello");
      const unauthorized = await failure(page);
      await page.getByLabel("Token", { exact: true }).fill(settings.token);
      await choose(page, { model: "nobody/nothing" });
      await ask(page, "Hello");
      const unknown = await failure(page);
      await choose(page, { model: "test/model" });
      await ask(page, say("status=429 retry_after=7"));
      return { unauthorized, unknown, limited: await failure(page), kept: await message(page).inputValue() };
    },
  },

  unreachable: {
    async act(page, settings, context) {
      await open(page, settings);
      await context.route("**/chat?**", (route) => route.abort());
      await choose(page, { model: "test/model" });
      await ask(page, "Hello");
      return { failure: await failure(page) };
    },
  },

  markup: {
    async act(page, settings) {
      await open(page, settings);
      await choose(page, { model: "test/model" });
      await ask(page, say("text=%3Cimg%20src=x%20onerror=alert(1)%3E%3Cscript%3Ealert(2)%3C/script%3E"));
      return {
        text: await words(page).textContent(),
        elements: await page.locator("#log").locator("img, script, iframe").count(),
      };
    },
  },

  thinking: {
    async act(page, settings) {
      await open(page, settings);
      await choose(page, { format: "data", model: "test/model" });
      await ask(page, say("tokens=5 reasoning=9 seed=4"));
      const thoughts = await lastTurn(page).locator("details .words").textContent();
      return { thoughts, text: await words(page).textContent() };
    },
  },

  curl: {
    async act(page, settings) {
      await open(page, settings);
      await choose(page, { format: "text", model: "test/model" });
      await message(page).fill(`It's "so": $HOME \`id\` \\ !! %s\n@file – 東京`);
      const lines = { plain: await page.locator("#curl").textContent() };
      await page.getByRole("checkbox", { name: "With the token in it" }).check();
      lines.whole = await page.locator("#curl").textContent();
      await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
      await button(page, "Copy").click();
      await button(page, "Copied").waitFor();
      return { lines, copied: await page.evaluate(() => navigator.clipboard.readText()) };
    },
  },

  keeping: {
    async act(page, settings, context) {
      const token = page.getByLabel("Token", { exact: true });
      const stores = () => page.evaluate(() => ({
        session: Object.values(sessionStorage), local: localStorage.length, cookie: document.cookie,
        history: location.href,
      }));
      await open(page, settings);
      const untouched = await stores();
      await page.reload();
      const forgotten = await token.inputValue();
      await token.fill(settings.token);
      await page.getByRole("checkbox", { name: /Keep it/ }).check();
      const kept = await stores();
      await page.reload();
      const there = await token.inputValue();
      const other = await context.newPage();
      await other.goto(settings.base);
      const elsewhere = await other.getByLabel("Token", { exact: true }).inputValue();
      await page.getByRole("checkbox", { name: /Keep it/ }).uncheck();
      return { untouched, forgotten, kept, there, elsewhere, given_up: await stores() };
    },
  },

  keyboard: {
    async act(page, settings) {
      await page.goto(settings.base);
      const names = [];
      for (let at = 0; at < 24; at += 1) { // more than once round
        await page.keyboard.press("Tab");
        names.push(await page.evaluate(() => {
          const now = document.activeElement;
          const label = now.labels?.[0]?.textContent ?? now.getAttribute("aria-label");
          return (label ?? now.textContent).trim();
        }));
      }
      await page.getByLabel("Token", { exact: true }).fill(settings.token);
      await choose(page, { model: "test/model" });
      await message(page).focus();
      await page.keyboard.type(say("tokens=3"));
      await page.keyboard.press("Shift+Enter");
      await page.keyboard.press("Enter");
      await lastTurn(page).locator(".foot").waitFor();
      const focus = await page.evaluate(() => document.activeElement.id);
      await page.getByLabel("Token", { exact: true }).fill("");
      await ask(page, "Hello");
      return { names, focus, needed: await page.evaluate(() => document.activeElement.id),
        live: await page.locator("#log").getAttribute("aria-live") };
    },
  },

  phone: {
    options: { viewport: { width: 360, height: 720 }, hasTouch: true, isMobile: true, colorScheme: "dark" },
    async act(page, settings) {
      await open(page, settings);
      const isFolded = !(await page.locator("#settings").evaluate((it) => it.open));
      await page.locator("#settings > summary").tap();
      await choose(page, { format: "data", model: "test/model" });
      await ask(page, say("tokens=80 pace=0 seed=6"));
      return {
        isFolded,
        overflow: await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
        ground: await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
        small: await page.locator("button:visible, summary:visible").evaluateAll((all) =>
          all.filter((it) => it.getBoundingClientRect().height < 24).map((it) => it.textContent)),
      };
    },
  },

  picture: {
    options: { viewport: { width: 1200, height: 900 }, colorScheme: "light" },
    async act(page, settings) {
      await open(page, settings);
      await choose(page, { format: "data", model: "nobody/nothing" });
      await ask(page, "Why do tides come twice a day?");
      await choose(page, { model: "meta-llama/Llama-3.1-8B-Instruct" });
      await ask(page, "Why do tides come twice a day?");
      if (settings.picture) {
        await page.screenshot({ path: settings.picture });
      }
      return { ground: await page.evaluate(() => getComputedStyle(document.body).backgroundColor) };
    },
  },

  elsewhere: { act: askFromElsewhere },
};

const settings = JSON.parse(process.argv[2]);
const chosen = Object.entries(SCENARIOS).filter(([name]) => !settings.only || settings.only.includes(name));
await run(Object.fromEntries(chosen), settings);
