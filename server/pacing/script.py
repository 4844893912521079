"""The twin of `pace.reserve` that runs inside Redis, where all processes meet and one clock counts."""

from __future__ import annotations

# KEYS: one per slot. ARGV: max_wait, now (empty: the server's clock), then interval and tolerance of each key.
# Numbers are doubles in Lua: microseconds since 1970 stay exact until the year 2255, but have to be written with %.0f.
RESERVE = """
local max_wait = tonumber(ARGV[1])
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local starts, wait = {}, 0
for i, key in ipairs(KEYS) do
  local slot = tonumber(redis.call('GET', key) or '0')
  starts[i] = math.max(slot, now)
  wait = math.max(wait, starts[i] - tonumber(ARGV[2 + 2 * i]) - now)
end
if wait > max_wait then
  return {0, wait}
end
for i, key in ipairs(KEYS) do
  local slot = starts[i] + tonumber(ARGV[1 + 2 * i])
  redis.call('SET', key, string.format('%.0f', slot), 'PX', math.ceil((slot - now) / 1000))
end
return {1, wait}
"""

# The same of many keys, each for itself. KEYS: one per slot. ARGV: max_wait, interval and tolerance of them all.
# Answers the wait of each, or -1 where it is longer than max_wait and no place was booked.
RESERVE_EACH = """
local max_wait, interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local waits = {}
for i, key in ipairs(KEYS) do
  local start = math.max(tonumber(redis.call('GET', key) or '0'), now)
  local wait = math.max(0, start - tolerance - now)
  if wait > max_wait then
    waits[i] = -1
  else
    waits[i] = wait
    local slot = start + interval
    redis.call('SET', key, string.format('%.0f', slot), 'PX', math.ceil((slot - now) / 1000))
  end
end
return waits
"""
