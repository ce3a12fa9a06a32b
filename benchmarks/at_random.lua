-- SPDX-License-Identifier: Apache-2.0
-- wrk: GET of a path with the ids of a file at random and the bearer tokens of another in turn, or the POST of a
-- body that is a file. Arguments: token file, then `get` and file of ids, or `post` and file of the body.
-- The figures as one line of JSON at the end.

local tokens, ids, at, body, kind = {}, {}, 0, nil, nil

function init(arguments)
   for token in io.lines(arguments[1]) do tokens[#tokens + 1] = "Bearer " .. token end
   kind = arguments[2]
   if kind == "get" then
      for id in io.lines(arguments[3]) do ids[#ids + 1] = id end
      math.randomseed(17)
   else
      body = io.open(arguments[3]):read("a")
   end
end

function request()
   at = at % #tokens + 1
   local headers = { Authorization = tokens[at] }
   if kind == "get" then
      return wrk.format("GET", wrk.path .. ids[math.random(#ids)], headers)
   end
   headers["Content-Type"] = "application/json"
   return wrk.format("POST", wrk.path, headers, body)
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"seconds":%f,"failed":%d,"p50_ms":%f,"p99_ms":%f}\n',
      summary.requests, summary.duration / 1e6,
      errors.status + errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
