// page.js - the page itself. Whatever the gateway says is shown as text, never as markup.
"use strict";

const TOKEN_KEY = "tidegate-token";
const MODEL_DEFAULT = "meta-llama/Llama-3.1-8B-Instruct";
const FORMAT_NOTES = {
  text: "The text and nothing else. A failed answer is cut.",
  data: "AI SDK data stream: a line for each piece.",
  ui: "AI SDK UI messages, as server-sent events.",
  openai: "The provider's chat completion chunks.",
};
const NAMES_SHOWN = 8;
const SHOWN_HEADERS = ["X-Tidegate-Reason", "X-Request-Id", "Retry-After", "WWW-Authenticate"];

const at = (id) => document.getElementById(id);
const chat = { id: "", messages: [], running: null };

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

// --- the token ----------------------------------------------------------------------

// Read without a check: it only says what the gateway will find, in words.
function claimsOf(token) {
  try {
    const base64 = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))));
  } catch {
    return null;
  }
}

function span(seconds) {
  const units = [[86400, "days"], [3600, "hours"], [60, "minutes"]];
  const [size, name] = units.find(([unit]) => seconds >= 2 * unit) ?? [1, "seconds"];
  return `${Math.round(seconds / size)} ${name}`;
}

function tokenNote(token) {
  if (token === "") {
    return "Make one with tidegate token. It stays in this page.";
  }
  const claims = claimsOf(token);
  if (claims === null || typeof claims !== "object") {
    return "This does not look like a JSON Web Token.";
  }
  const left = Number(claims.exp) - Date.now() / 1000;
  const who = claims.sub === undefined ? "nobody in particular" : String(claims.sub);
  if (Number.isNaN(left)) {
    return `For ${who}, without an end.`;
  }
  return left > 0 ? `For ${who}, good for ${span(left)}.` : `For ${who}, but it ended ${span(-left)} ago.`;
}

const token = () => at("token").value.trim();

function tokenChanged() {
  at("token-note").textContent = tokenNote(token());
  if (at("keep").checked) {
    sessionStorage.setItem(TOKEN_KEY, token());
  } else {
    sessionStorage.removeItem(TOKEN_KEY);
  }
  showCurl();
  loadModels();
}

// A link may bring a token behind "#", which no browser sends anywhere. It is taken out of
// the address at once, so that it is in no history and in no link that is passed on.
function takeTokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given !== null) {
    history.replaceState(null, "", location.pathname + location.search);
    at("token").value = given;
    tokenChanged();
  }
}

// --- what to ask --------------------------------------------------------------------

const format = () => document.querySelector("input[name=format]:checked").value;

let modelsAreOf = "";

// Best effort: where there is no list, or none for this token, names are typed.
async function loadModels() {
  const mine = token();
  if (mine === modelsAreOf || claimsOf(mine) === null) {
    return;
  }
  modelsAreOf = mine;
  try {
    const answer = await fetch("/v1/models", { headers: { Authorization: `Bearer ${mine}` } });
    const { data, patterns = [] } = await answer.json();
    at("models").replaceChildren(...data.map((model) => {
      const option = document.createElement("option");
      option.value = model.id;
      return option;
    }));
    const names = [...data.map((model) => model.id), ...patterns];
    at("model-note").textContent = `Allowed: ${names.slice(0, NAMES_SHOWN).join(", ")}` +
      (names.length > NAMES_SHOWN ? ", and more" : "");
  } catch {
    at("model-note").textContent = "publisher/name, as the gateway allows it";
  }
}

function request(messages) {
  const model = at("model").value.trim().split("/").map(encodeURIComponent).join("/").replaceAll("%3A", ":");
  return {
    url: `${location.origin}/api/ai/huggingface/${model}/chat?chat_id=${chat.id}&format=${format()}`,
    body: JSON.stringify({ messages }),
  };
}

// With the message that is being written, or with one that has been sent already.
function showCurl() {
  at("chosen").textContent = `${at("model").value.trim()} · ${format()}`;
  const draft = at("message").value.trim();
  const messages = [...chat.messages];
  if (draft !== "" || messages.length === 0) {
    messages.push({ role: "user", content: draft || "Hello, how are you?" });
  } else if (messages.at(-1).role === "assistant") {
    messages.pop();
  }
  at("curl").textContent = curlLine({
    ...request(messages), token: at("with-token").checked ? token() : null,
  });
}

// --- figures ------------------------------------------------------------------------

const ms = (value) => (value < 10000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`);

// Pieces are counted as they come; what the provider counted is better, once it is known.
class Figures {
  constructor() {
    this.began = performance.now();
    this.first = null;
    this.last = null;
    this.pieces = 0;
    this.tokens = null;
    this.requestId = "–";
  }

  note() {
    this.last = performance.now();
    this.first ??= this.last;
    this.pieces += 1;
  }

  show(isOver) {
    const count = this.tokens ?? this.pieces;
    const about = this.tokens === null && this.pieces > 0 ? "≈ " : "";
    const seconds = (this.last - this.first) / 1000;
    at("first").textContent = this.first === null ? "–" : ms(this.first - this.began);
    at("count").textContent = count > 0 ? about + count : "–";
    at("rate").textContent = count > 1 && seconds > 0 ? about + ((count - 1) / seconds).toFixed(1) : "–";
    at("total").textContent = isOver ? ms(performance.now() - this.began) : "–";
    at("request-id").textContent = this.requestId;
  }
}

// --- the conversation ---------------------------------------------------------------

function isAtEnd() {
  const log = at("log");
  return log.scrollHeight - log.scrollTop - log.clientHeight < 40;
}

// Follow the answer, but not against a reader who has scrolled up.
function append(make) {
  const follow = isAtEnd();
  make();
  if (follow) {
    at("log").scrollTop = at("log").scrollHeight;
  }
}

function addTurn(who, className, text) {
  const turn = element("article", `turn ${className}`);
  const words = element("div", "words", text);
  turn.append(element("h3", "who", who), words);
  at("empty").hidden = true;
  append(() => at("log").append(turn));
  return { turn, words };
}

class Answer {
  constructor(model) {
    this.text = "";
    this.shown = 0;
    Object.assign(this, addTurn(model, "answer running", ""));
    this.thoughts = null;
  }

  say(text) {
    this.text += text;
  }

  // Once for all that has arrived together: to look where the end is costs a layout.
  show() {
    append(() => this.words.append(this.text.slice(this.shown)));
    this.shown = this.text.length;
  }

  think(text) {
    if (this.thoughts === null) {
      const thinking = element("details", "thinking");
      this.thoughts = element("div", "words");
      thinking.append(element("summary", "", "Thinking"), this.thoughts);
      this.words.before(thinking);
    }
    append(() => this.thoughts.append(text));
  }

  close(note) {
    this.show();
    this.words.normalize();
    this.turn.classList.remove("running");
    append(() => this.turn.append(element("p", "foot", note)));
  }

  // What went wrong: a title, the header fields that help, the body as it came.
  fail({ title, headers = [], body = "" }) {
    const box = element("div", "failure");
    const fields = element("dl", "");
    box.setAttribute("role", "alert");
    headers.forEach(([name, value]) => {
      const row = element("div", "");
      row.append(element("dt", "", name), element("dd", "", value));
      fields.append(row);
    });
    box.append(element("p", "title", title), fields);
    if (body !== "") {
      const raw = element("pre", "", body);
      raw.tabIndex = 0;
      raw.setAttribute("aria-label", "Body of the answer");
      box.append(raw);
    }
    append(() => this.turn.append(box));
  }
}

async function describe(response) {
  const known = SHOWN_HEADERS.filter((name) => response.headers.has(name));
  return {
    title: `${response.status} ${response.statusText}`.trim(),
    headers: known.map((name) => [name, response.headers.get(name)]),
    body: await response.text(),
  };
}

// --- one exchange -------------------------------------------------------------------

function readInto(answer, figures) {
  const found = { failure: null };
  const on = {
    text(piece) {
      if (piece !== "") {
        figures.note();
        answer.say(piece);
      }
    },
    thinking(piece) {
      if (piece !== "") {
        figures.note();
        answer.think(piece);
      }
    },
    usage(tokens) {
      figures.tokens = tokens ?? figures.tokens;
    },
    failure(message) {
      found.failure = message;
    },
  };
  return { on, found };
}

async function readAnswer(response, answer, figures, reader) {
  const body = response.body.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await body.read();
    if (done) {
      break;
    }
    reader.push(decoder.decode(value, { stream: true }));
    answer.show();
    figures.show(false);
  }
  reader.push(decoder.decode());
  reader.end();
}

function whatWentWrong(error, response) {
  if (response === null) {
    return `There is no answer: ${error.message}`;
  }
  const what = error instanceof SyntaxError ? "The answer cannot be read" : "The answer was cut";
  return `${what}: ${error.message}`;
}

// "done", "stopped" or "failed"; <answer> and <figures> have the rest.
async function exchange({ url, body }, answer, figures, controller) {
  const { signal } = controller;
  const { on, found } = readInto(answer, figures);
  const reader = READERS[format()](on);
  let response = null;
  try {
    response = await fetch(url, {
      method: "POST",
      signal,
      cache: "no-store",
      headers: { Authorization: `Bearer ${token()}`, "Content-Type": "application/json" },
      body,
    });
    figures.requestId = response.headers.get("X-Request-Id") ?? "–";
    if (!response.ok) {
      answer.fail(await describe(response));
      return "failed";
    }
    await readAnswer(response, answer, figures, reader);
  } catch (error) {
    if (signal.aborted) {
      return "stopped";
    }
    found.failure = whatWentWrong(error, response);
    controller.abort(); // of an answer that makes no sense the rest is not wanted
  }
  answer.show();
  if (found.failure === null) {
    return "done";
  }
  const headers = response === null ? [] : [["X-Request-Id", figures.requestId]];
  const title = response === null ? found.failure : `Failed after status 200. ${found.failure}`;
  answer.fail({ title, headers });
  return "failed";
}

const ENDINGS = { done: "Answer complete", stopped: "Stopped", failed: "Failed" };

function setRunning(controller) {
  chat.running = controller;
  at("go").textContent = controller === null ? "Send" : "Stop";
  at("go").classList.toggle("stop", controller !== null);
  at("log").setAttribute("aria-busy", String(controller !== null));
}

// What was said counts for the next question; a question without an answer goes back.
function remember(question, answer) {
  if (answer.text.trim() !== "") {
    chat.messages.push({ role: "user", content: question }, { role: "assistant", content: answer.text });
  } else if (at("message").value === "") {
    at("message").value = question;
    fitMessage();
  }
}

async function send(question) {
  const figures = new Figures();
  const controller = new AbortController();
  addTurn("You", "question", question);
  const answer = new Answer(at("model").value.trim());
  const asked = request([...chat.messages, { role: "user", content: question }]);
  const { id } = chat;
  const inFormat = format();
  setRunning(controller);
  at("status").textContent = "Waiting for the answer";
  figures.show(false);
  const ending = await exchange(asked, answer, figures, controller);
  setRunning(null);
  if (chat.id !== id) {
    return; // a new chat has begun, and knows nothing of this one
  }
  figures.show(true);
  answer.close([ENDINGS[ending], inFormat, at("total").textContent].join(" · "));
  at("status").textContent = `${ENDINGS[ending]}. First token ${at("first").textContent}.`;
  remember(question, answer);
  showCurl();
}

// --- the form -----------------------------------------------------------------------

function complain(field, text) {
  at("status").textContent = text;
  field.setCustomValidity(text);
  field.reportValidity();
  field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
}

function submit() {
  const question = at("message").value.trim();
  if (chat.running !== null || question === "") {
    at("message").focus();
    return;
  }
  at("settings").open ||= token() === "" || at("model").value.trim() === "";
  if (!/^[\w.~+/=-]+$/.test(token())) {
    complain(at("token"), token() === "" ? "A token is needed" : "No token has such characters");
  } else if (!/^[^/\s]+\/[^/\s]+$/.test(at("model").value.trim())) {
    complain(at("model"), "The model is publisher/name");
  } else {
    at("message").value = "";
    fitMessage();
    send(question);
  }
}

function fitMessage() {
  const message = at("message");
  message.style.height = "auto";
  message.style.height = `${Math.min(message.scrollHeight + 2, 200)}px`;
}

function stop() {
  chat.running?.abort();
}

function startOver() {
  stop();
  chat.id = `playground-${Math.random().toString(36).slice(2, 12)}`;
  chat.messages = [];
  at("log").querySelectorAll(".turn").forEach((turn) => turn.remove());
  at("empty").hidden = false;
  at("message").focus();
  showCurl();
}

async function copyCurl() {
  try {
    await navigator.clipboard.writeText(at("curl").textContent);
    at("copy").textContent = "Copied";
    setTimeout(() => { at("copy").textContent = "Copy"; }, 1500);
  } catch { // not allowed here: then it is selected, for the keyboard to copy
    getSelection().selectAllChildren(at("curl"));
  }
}

const typesOnGlass = matchMedia("(pointer: coarse)");

function onKey(event) {
  if (event.key === "Escape") {
    stop();
  } else if (event.key === "Enter" && event.target === at("message") && !event.shiftKey &&
             !event.isComposing && !typesOnGlass.matches) {
    event.preventDefault();
    submit();
  }
}

function formatChanged() {
  at("format-note").textContent = FORMAT_NOTES[format()];
  showCurl();
}

function revealToken() {
  const isShown = at("token").type === "text";
  at("token").type = isShown ? "password" : "text";
  at("reveal").textContent = isShown ? "Show" : "Hide";
  at("reveal").setAttribute("aria-pressed", String(!isShown));
}

at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  (chat.running === null ? submit : stop)();
});
at("message").addEventListener("input", () => { fitMessage(); showCurl(); });
at("token").addEventListener("input", tokenChanged);
at("keep").addEventListener("change", tokenChanged);
at("model").addEventListener("input", showCurl);
at("formats").addEventListener("change", formatChanged);
at("with-token").addEventListener("change", showCurl);
at("reveal").addEventListener("click", revealToken);
at("copy").addEventListener("click", copyCurl);
at("fresh").addEventListener("click", startOver);
document.addEventListener("keydown", onKey);
addEventListener("hashchange", takeTokenFromAddress);

at("model").value = MODEL_DEFAULT;
at("token").value = sessionStorage.getItem(TOKEN_KEY) ?? "";
at("keep").checked = at("token").value !== "";
startOver();
formatChanged();
takeTokenFromAddress();
tokenChanged();
at("settings").open = matchMedia("(min-width: 56rem)").matches || token() === "";
