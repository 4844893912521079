"""The twin of `pace.reserve` that runs inside Redis, where all processes meet and one clock counts."""

from __future__ import annotations

# Numbers are doubles in Lua: microseconds since 1970 stay exact until the year 2255, but have to be written with %.0f.
_NOW = """
local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end
"""
# When what is remembered begins: the key is there until everything is forgotten.
_BEGAN = """
local function began(key, now)
  redis.call('SET', key, string.format('%.0f', now), 'NX')
  return tonumber(redis.call('GET', key))
end
"""

# KEYS: one per slot, and behind them, where ARGV[3] is not empty, the one that says when what is remembered begins.
# ARGV: max_wait, now (empty: the server's clock), is_cautious (or empty), then interval and tolerance of each key.
RESERVE = f"""{_NOW}{_BEGAN}
local max_wait, now = tonumber(ARGV[1]), tonumber(ARGV[2]) or clock()
local count, since = #KEYS, nil
if ARGV[3] ~= '' then
  count, since = #KEYS - 1, began(KEYS[#KEYS], now)
end
local starts, wait = {{}}, 0
for i = 1, count do
  local interval, tolerance = tonumber(ARGV[2 + 2 * i]), tonumber(ARGV[3 + 2 * i])
  local slot = tonumber(redis.call('GET', KEYS[i]) or (since and since + tolerance + interval) or 0)
  starts[i] = math.max(slot, now)
  wait = math.max(wait, starts[i] - tolerance - now)
end
if wait > max_wait then
  return {{0, wait}}
end
for i = 1, count do
  local slot = starts[i] + tonumber(ARGV[2 + 2 * i])
  redis.call('SET', KEYS[i], string.format('%.0f', slot), 'PX', math.ceil((slot - now) / 1000))
end
return {{1, wait}}
"""

# The same of many keys, each for itself and always cautious. KEYS: one per slot, and the one that says when what is
# remembered begins. ARGV: max_wait, interval and tolerance of them all.
# Answers the wait of each, or -1 where it is longer than max_wait and no place was booked.
RESERVE_EACH = f"""{_NOW}{_BEGAN}
local max_wait, interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = clock()
local since, waits = began(KEYS[#KEYS], now), {{}}
for i = 1, #KEYS - 1 do
  local slot = tonumber(redis.call('GET', KEYS[i]) or since + tolerance + interval)
  local start = math.max(slot, now)
  local wait = math.max(0, start - tolerance - now)
  if wait > max_wait then
    waits[i] = -1
  else
    waits[i] = wait
    slot = start + interval
    redis.call('SET', KEYS[i], string.format('%.0f', slot), 'PX', math.ceil((slot - now) / 1000))
  end
end
return waits
"""

# KEYS: one slot. Answers the microseconds for which it is booked already.
BOOKED = f"""{_NOW}
return math.max(0, tonumber(redis.call('GET', KEYS[1]) or '0') - clock())
"""

# KEYS: one slot. ARGV: for how many microseconds from now it is booked at least.
HOLD = f"""{_NOW}
local now = clock()
local slot = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now + tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', slot), 'PX', math.ceil((slot - now) / 1000))
return 1
"""
