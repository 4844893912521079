"""The Lua twin of `pace.take`, for several keys in one round trip: all are taken, or none."""

from __future__ import annotations

# KEYS: one a pace. ARGV: interval and burst of each, in turn. Answers the longest wait in microseconds, 0 when taken.
# Redis' own clock decides, so that no two processes need to agree on the time.
TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local longest, dues = 0, {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local start = math.max(tonumber(redis.call('GET', key) or '0'), now)
  local wait = start + interval - burst * interval - now
  if wait > 1e-9 and wait > longest then longest = wait end
  dues[i] = start + interval
end
if longest > 0 then return math.ceil(longest * 1000000) end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.6f', dues[i]), 'PX', math.ceil((dues[i] - now) * 1000) + 1000)
end
return 0
"""
