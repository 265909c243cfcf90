# SPDX-License-Identifier: MIT
"""python_clients.py - httpx, curl, and the rule by which the first command-line client reads.

The same plan and the same lines as the drivers that run in Node: see drive.mjs.
"""

import asyncio
import json
import sys

import httpx


def url_of(run):
    query = f"chat_id={run['client']}" + (f"&format={run['format']}" if run.get("format") else "")
    return f"{run['base']}/api/ai/huggingface/{run['model']}/chat?{query}"


def body_of(run):
    return {"messages": [{"role": "user", "content": run["content"]}]}


def fields_of(run):
    return {"Authorization": f"Bearer {run['token']}"}


async def httpx_stream(run, seen):
    """A reader of pieces, which leaves in the middle when it is to stop."""
    async with httpx.AsyncClient(timeout=30) as client:
        async with client.stream("POST", url_of(run), headers=fields_of(run),
                                 json=body_of(run)) as response:
            seen["status"] = response.status_code
            seen["retryAfter"] = response.headers.get("retry-after")
            if response.status_code != 200:
                await response.aread()
                seen["refusal"] = response.json()
                return
            async for text in response.aiter_text():
                seen["text"] += text
                if run["abort"] and text:
                    return


async def command_line(run, seen):
    """The rule of the first command-line client: default timeouts (5 s of silence), the whole
    body at once, then what stands between the first colon and the next in each line."""
    async with httpx.AsyncClient() as client:
        response = await client.post(url_of(run), headers=fields_of(run), json=body_of(run))
    seen["status"] = response.status_code
    seen["lines"] = response.text.splitlines()
    if response.status_code == 200:
        parts = [line.split(":")[1].strip().strip('"') for line in seen["lines"]]
        seen["parts"] = parts
        seen["text"] = "".join(parts)


async def curl(run, seen):
    command = ["curl", "-sS", "-N", "-D", "/dev/stderr", url_of(run),
               "-H", f"Authorization: Bearer {run['token']}",
               "-H", "Content-Type: application/json", "-d", json.dumps(body_of(run))]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    if run["abort"]:
        seen["text"] = (await process.stdout.read(1)).decode()
        process.terminate()
    output, errors = await process.communicate()
    seen["status"] = int(errors.split()[1]) if errors.startswith(b"HTTP/") else None
    seen["exit"] = process.returncode
    if seen["status"] == 200:
        seen["text"] += output.decode()
    else:
        seen["refusal"] = json.loads(output)


CLIENTS = {"httpx": httpx_stream, "command-line": command_line, "curl": curl}


async def run_one(run):
    seen = {key: run[key] for key in ("client", "format", "scenario")}
    seen.update(text="", error=None)
    try:
        await CLIENTS[run["client"]](run, seen)
    except Exception as error:  # whatever it is, the test reads it
        seen["error"] = {"class": type(error).__name__, "message": str(error)}
        seen["how"] = "thrown"
    print(json.dumps(seen), flush=True)


async def main():
    runs = json.load(sys.stdin)["runs"]
    await asyncio.gather(*(run_one(run) for run in runs))


asyncio.run(main())
