// SPDX-License-Identifier: MIT
// own_fetch.mjs URL TOKEN MESSAGE - one chat with fetch; the answer goes to standard output.
const [url, token, content] = process.argv.slice(2);

const response = await fetch(url, {
  method: "POST",
  headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
  body: JSON.stringify({ messages: [{ role: "user", content }] }),
});
if (!response.ok) {
  console.error(`status ${response.status}`);
  process.stdout.write(await response.text());
  process.exit(1);
}
try {
  for await (const piece of response.body) {
    process.stdout.write(piece);
  }
} catch (error) {
  console.error(`broken off: ${error.message}`);
  process.exit(2);
}
