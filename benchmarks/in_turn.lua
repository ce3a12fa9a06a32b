-- SPDX-License-Identifier: Apache-2.0
-- wrk: the bearer tokens of a file in turn, one a line; the figures as one line of JSON at the end.

local requests, at = {}, 0

function init(arguments)
   for token in io.lines(arguments[1]) do
      requests[#requests + 1] = wrk.format("GET", nil, { Authorization = "Bearer " .. token })
   end
end

function request()
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"seconds":%f,"failed":%d,"p50_ms":%f,"p99_ms":%f}\n',
      summary.requests, summary.duration / 1e6,
      errors.status + errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
