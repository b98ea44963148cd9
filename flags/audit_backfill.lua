-- Adds audit entries for flags that were changed by hand: those that differ from
-- meta, where compare_and_set.lua keeps each value that it writes. The script is
-- atomic, so that of a whole fleet that notices a change only one audits it.
-- KEYS: flags, version, audit, meta
-- ARGV: channel, who, why, max entries, longest value to audit
-- Returns the number of entries added.
local flags, version, audit, meta = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local function wrong(key, want)
  local have = redis.call('TYPE', key).ok
  return have ~= 'none' and have ~= want
end
if wrong(flags, 'hash') or wrong(version, 'string') or wrong(audit, 'stream') or wrong(meta, 'hash') then
  return redis.error_reply('WRONGTYPE a key of the flags has another type; delete or rename it')
end
-- A missing hash is an accident, not a change to every flag.
if redis.call('EXISTS', flags) == 0 then
  return 0
end

local known, found = {}, {}
local pairs_of_meta = redis.call('HGETALL', meta)
for i = 1, #pairs_of_meta, 2 do
  local ok, m = pcall(cjson.decode, pairs_of_meta[i + 1])
  if ok and type(m) == 'table' and type(m.v) == 'string' then
    known[pairs_of_meta[i]] = m.v
  end
end
local stored, is = redis.call('HGETALL', flags), {}
for i = 1, #stored, 2 do
  local key, value = stored[i], stored[i + 1]
  is[key] = true
  if known[key] ~= value and #value <= tonumber(ARGV[5]) then
    found[#found + 1] = { key = key, old = known[key], new = value }
  end
end
for key, old in pairs(known) do
  if not is[key] then
    found[#found + 1] = { key = key, old = old }
  end
end
if #found == 0 then
  return 0
end

local now = redis.call('TIME')
local at = now[1] * 1000 + math.floor(now[2] / 1000)
local v = redis.call('INCR', version)
for _, c in ipairs(found) do
  local entry = { 'flag', c.key, 'who', ARGV[2], 'why', ARGV[3], 'at', tostring(at), 'version', tostring(v), 'unaudited', '1' }
  if c.old then
    entry[#entry + 1], entry[#entry + 2] = 'old', c.old
  end
  if c.new then
    entry[#entry + 1], entry[#entry + 2] = 'new', c.new
    redis.call('HSET', meta, c.key, cjson.encode({ v = c.new, who = ARGV[2], why = ARGV[3], at = at, version = v }))
  else
    redis.call('HDEL', meta, c.key)
  end
  redis.call('XADD', audit, 'MAXLEN', '~', ARGV[4], '*', unpack(entry))
end
redis.call('PUBLISH', ARGV[1], tostring(v))
return #found
