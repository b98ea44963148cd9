-- One sidecar's sync with the fleet: what it uses, and what it wants.
-- KEYS: 1 state (hash: rpm, tpm = when each bucket is full again, at = when this was
--       written, in microseconds), 2 members (sorted set: sidecar -> last seen),
--       3 slots (hash: sidecar -> slots held; * -> the sum)
-- ARGV: 1 sidecar, 2 leaving (1/0), 3 silence after which a sidecar is removed (us)
--       requests: 4 interval (us; 0: no limit), 5 burst, 6 least, 7 need, 8 spare
--       tokens:   9 interval, 10 burst, 11 least, 12 need, 13 spare,
--                 14 used beyond the estimates (negative: less)
--       calls:    15 limit (0: none), 16 held, 17 need, 18 spare
--       19 tokens of a typical call
-- Returns requests granted, us until "least" of them fit, tokens granted, us
-- until the same, slots held from now on, sidecars, spare slots that each may hold.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local state, members, slots = KEYS[1], KEYS[2], KEYS[3]
local sidecar = ARGV[1]
local function arg(i) return tonumber(ARGV[i]) end

-- If the clock was set back, or a failover led to a server whose clock is behind,
-- the fleet must not wait for it to catch up: shift all stored times.
local behind = math.max(0, tonumber(redis.call('HGET', state, 'at') or '0') - now)
redis.call('HSET', state, 'at', string.format('%d', now))
if behind > 0 then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', members, string.format('(%d', now), '+inf')) do
    redis.call('ZADD', members, string.format('%d', now), id)
  end
end

local used = tonumber(redis.call('HGET', slots, '*') or '0')
local function remove(id)
  used = used - tonumber(redis.call('HGET', slots, id) or '0')
  redis.call('HDEL', slots, id)
  redis.call('ZREM', members, id)
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', members, '-inf', string.format('%d', now - arg(3)), 'LIMIT', 0, 100)) do
  remove(id)
end
if arg(2) == 1 then
  remove(sidecar)
  if redis.call('EXISTS', slots) == 1 then
    redis.call('HSET', slots, '*', string.format('%d', math.max(0, used)))
  end
  return {0, 0, 0, 0, 0, redis.call('ZCARD', members), 0}
end
redis.call('ZADD', members, string.format('%d', now), sidecar)
local size = redis.call('ZCARD', members)

-- grant takes up to need from a bucket, and nothing if that is less than least. It
-- takes more than need only while there is plenty: a share of half of what is left,
-- unless that is too little for one call.
local function grant(field, interval, burst, least, need, spare, correction, call)
  if interval == 0 then return 0, 0 end
  local full = math.max(now, tonumber(redis.call('HGET', state, field) or '0') - behind)
  full = math.max(now, full + correction * interval)
  local free = math.max(0, math.floor((now + burst * interval - full) / interval + 0.001))
  local n, after = math.min(need, free), 0
  if n < least then
    n = 0
    if least <= burst then
      after = full + least * interval - now - burst * interval
    elseif full <= now then
      n = least
    else
      after = full - now
    end
  elseif n == need then
    local more = math.min(spare, math.floor((free - need) / (2 * size)))
    if more >= call then n = n + more end
  end
  full = full + n * interval
  redis.call('HSET', state, field, string.format('%.2f', full))
  return n, math.ceil(math.max(0, after))
end
local requests, requestsAfter = grant('rpm', arg(4), arg(5), arg(6), arg(7), arg(8), 0, 1)
local tokens, tokensAfter = grant('tpm', arg(9), arg(10), arg(11), arg(12), arg(13), arg(14), arg(19))

local held, fair = 0, 0
local limit = arg(15)
if limit > 0 then
  used = used - tonumber(redis.call('HGET', slots, sidecar) or '0')
  if size == 1 then
    redis.call('DEL', slots)
    used = 0
  end
  local free = math.max(0, limit - used)
  held = math.max(arg(16), math.min(arg(17), free))
  fair = math.max(0, math.floor((free - arg(17)) / (2 * size)))
  held = math.max(held, math.min(arg(17) + math.min(arg(18), fair), free))
  redis.call('HSET', slots, sidecar, string.format('%d', held), '*', string.format('%d', used + held))
  redis.call('PEXPIRE', slots, 3600000)
end
redis.call('PEXPIRE', state, 3600000)
redis.call('PEXPIRE', members, 3600000)
return {requests, requestsAfter, tokens, tokensAfter, held, size, fair}
