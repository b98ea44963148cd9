-- Compare-and-set of one flip: all of its changes or none.
-- KEYS: flags, version, audit, meta
-- ARGV: channel, who, why, undoes, max entries, max age in ms, who and why of
--       changes made by hand, longest value to audit of those, then for each
--       change: key, mode of value ("set" or "unset"), value, mode of expectation
--       ("any", "is" or "none"), expected value
-- Returns {"conflict", key, "is"|"none", actual} or
--         {"ok", version, at in ms, then for each change "same" or "set"|"unset"
--          followed by "is"|"none" and the old value}
local flags, version, audit, meta = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local function wrong(key, want)
  local have = redis.call('TYPE', key).ok
  return have ~= 'none' and have ~= want
end
if wrong(flags, 'hash') or wrong(version, 'string') or wrong(audit, 'stream') or wrong(meta, 'hash') then
  return redis.error_reply('WRONGTYPE a key of the flags has another type; delete or rename it')
end

local changes, any = {}, false
for i = 10, #ARGV, 5 do
  local c = { key = ARGV[i], mode = ARGV[i + 1], value = ARGV[i + 2] }
  c.old = redis.call('HGET', flags, c.key)
  local expect = ARGV[i + 3]
  if (expect == 'is' and c.old ~= ARGV[i + 4]) or (expect == 'none' and c.old) then
    return { 'conflict', c.key, c.old and 'is' or 'none', c.old or '' }
  end
  c.differs = (c.mode == 'set' and c.old ~= c.value) or (c.mode == 'unset' and c.old)
  any = any or c.differs
  changes[#changes + 1] = c
end

local now = redis.call('TIME')
local at = now[1] * 1000 + math.floor(now[2] / 1000)
local function value_in_meta(key)
  local raw = redis.call('HGET', meta, key)
  local ok, m = pcall(cjson.decode, raw or '')
  return ok and type(m) == 'table' and type(m.v) == 'string' and m.v or false
end

-- A change made by hand is audited before it is overwritten, with a version of its
-- own.
for _, c in ipairs(changes) do
  c.known = value_in_meta(c.key)
  if c.differs and c.known ~= c.old and #(c.old or '') <= tonumber(ARGV[9]) then
    local by_hand = { 'flag', c.key, 'who', ARGV[7], 'why', ARGV[8], 'at', tostring(at),
      'version', tostring(redis.call('INCR', version)), 'unaudited', '1' }
    if c.known then
      by_hand[#by_hand + 1], by_hand[#by_hand + 2] = 'old', c.known
    end
    if c.old then
      by_hand[#by_hand + 1], by_hand[#by_hand + 2] = 'new', c.old
    end
    redis.call('XADD', audit, 'MAXLEN', '~', ARGV[5], '*', unpack(by_hand))
  end
end

-- INCR is the only write that can fail, so it comes first.
local v = any and redis.call('INCR', version) or tonumber(redis.call('GET', version) or '0')
local reply = { 'ok', v, at }
for _, c in ipairs(changes) do
  if not c.differs then
    reply[#reply + 1] = 'same'
  else
    local entry = { 'flag', c.key, 'who', ARGV[2], 'why', ARGV[3], 'at', tostring(at), 'version', tostring(v) }
    if c.old then
      entry[#entry + 1], entry[#entry + 2] = 'old', c.old
    end
    if c.mode == 'set' then
      entry[#entry + 1], entry[#entry + 2] = 'new', c.value
      redis.call('HSET', flags, c.key, c.value)
      redis.call('HSET', meta, c.key, cjson.encode({ v = c.value, who = ARGV[2], why = ARGV[3], at = at, version = v }))
    else
      redis.call('HDEL', flags, c.key)
      redis.call('HDEL', meta, c.key)
    end
    if ARGV[4] ~= '0' then
      entry[#entry + 1], entry[#entry + 2] = 'undoes', ARGV[4]
    end
    redis.call('XADD', audit, 'MAXLEN', '~', ARGV[5], '*', unpack(entry))
    reply[#reply + 1] = c.mode
    reply[#reply + 1] = c.old and 'is' or 'none'
    reply[#reply + 1] = c.old or ''
  end
end
if any then
  redis.call('XTRIM', audit, 'MINID', '~', tostring(math.max(0, at - tonumber(ARGV[6]))))
  redis.call('PUBLISH', ARGV[1], tostring(v))
end
return reply
