// curl.js - the request as a line for a shell.
"use strict";

// One word for any POSIX shell, whatever is in it: nothing is special between two quotes.
function shellWord(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

// <token> null: the line takes it from the environment, and may be shown to anybody.
function curlLine({ url, token, body }) {
  const bearer =
    token === null ? '"Authorization: Bearer $TIDEGATE_TOKEN"' : shellWord(`Authorization: Bearer ${token}`);
  return [
    `curl -N ${shellWord(url)}`,
    `-H ${bearer}`,
    "-H 'Content-Type: application/json'",
    `--data-raw ${shellWord(body)}`,
  ].join(" \\\n  ");
}
