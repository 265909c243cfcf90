-- SPDX-License-Identifier: MIT
--
-- chat.lua - one chat request after another, for wrk.
--
--   TIDEGATE_TOKEN   the bearer token
--   TIDEGATE_TEXT    the user's message; with the simulator behind the gateway a scenario,
--                    such as "@sim tokens=20 first=0 pace=0" (tests/sim/README.md)
--
-- wrk counts an answer when its last chunk is in, so its latency is that of whole answers.
-- The last line is for a program to read: requests, what went wrong, and microseconds.

local text = os.getenv("TIDEGATE_TEXT") or "Hello, how are you?"

wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer " .. (os.getenv("TIDEGATE_TOKEN") or "")
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"messages":[{"role":"user","content":"' .. text:gsub('[\\"]', "\\%0") .. '"}]}'

-- Each of wrk's threads is a Lua world of its own; what they saw is collected in the end.
local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function init()
    refused = 0
    strange = ""
end

function response(status, _, body)
    if status ~= 200 then
        refused = refused + 1
        if strange == "" then
            strange = status .. " " .. body:gsub("%s+", " "):sub(1, 200)
        end
    end
end

function done(summary, latency)
    local other = 0
    for _, thread in ipairs(threads) do
        other = other + thread:get("refused")
        if thread:get("strange") ~= "" then
            io.write("first answer that was not 200: ", thread:get("strange"), "\n")
        end
    end
    local errors = summary.errors
    io.write(string.format(
        "load requests=%d seconds=%.3f bytes=%d not_200=%d connect=%d read=%d write=%d timeout=%d "
            .. "p50_us=%d p90_us=%d p99_us=%d p99_9_us=%d max_us=%d\n",
        summary.requests, summary.duration / 1e6, summary.bytes, other, errors.connect,
        errors.read, errors.write, errors.timeout, latency:percentile(50),
        latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max))
end
