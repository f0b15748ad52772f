"""How a record comes into its stream: entered, adopted, published, each at most once."""

# The id of a new entry that no node agent wrote: <ms>-<n> from one shared counter (n >= 1), so that `<node>/<entry id>`
# is unique over all streams that are written so, and never equals a node agent's own `<ms>-0`.
_NEXT_ENTRY = """
local function next_entry(stream, counter)
  local now = redis.call('TIME')
  local ms = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
  if redis.call('EXISTS', stream) == 1 then
    local info = redis.call('XINFO', 'STREAM', stream)
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' then
        ms = math.max(ms, tonumber(string.match(info[i + 1], '^(%d+)')))
      end
    end
  end
  return string.format('%.0f-%d', ms, redis.call('INCR', counter))
end
"""

# An event that no node agent wrote, with that id.
# The id is spliced into the JSON as text: cjson would turn [] into {} and lose digits.
_ENTER = (
    _NEXT_ENTRY
    + """
local function enter(stream, counter, raw, node)
  local entry = next_entry(stream, counter)
  local full = '{"id":"' .. node .. '/' .. entry .. '",' .. string.sub(raw, 2)
  redis.call('XADD', stream, entry, 'p', full)
  return entry, full
end
"""
)

# KEYS stream, counter, once-key or ''; ARGV json, node, channel, once ttl (s) -> entry id or nil
ENTER = (
    _ENTER
    + """
if KEYS[3] ~= '' and not redis.call('SET', KEYS[3], '1', 'NX', 'EX', ARGV[4]) then return nil end
local entry, full = enter(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
redis.call('PUBLISH', ARGV[3], full)
return entry
"""
)

# What a person asks for: as it is, under an id that no event has.
# KEYS stream, counter, once-key; ARGV json, channel or '', once ttl (s) -> entry id, or nil if it is there already
ENTER_REQUEST = (
    _NEXT_ENTRY
    + """
if not redis.call('SET', KEYS[3], '1', 'NX', 'EX', ARGV[3]) then return nil end
local entry = next_entry(KEYS[1], KEYS[2])
redis.call('XADD', KEYS[1], entry, 'p', ARGV[1])
if ARGV[2] ~= '' then redis.call('PUBLISH', ARGV[2], ARGV[1]) end
return entry
"""
)

# The moment (ms, by the clock of Redis) under which a hearing of these bytes counts, and whether it is the first. Each
# listener says when it heard them, not when it got through: a server that was away in between, or a reply that was
# lost, makes no second message of them. Who did not look for a while before may have heard later than others: two
# hearings are one when either came within what the other one's listener cannot tell apart, and that is kept with each.
_HEAR = """
local function hear(key, heard, unseen, window, keep)
  heard, unseen, window = tonumber(heard), tonumber(unseen), tonumber(window)
  for _, known in ipairs(redis.call('ZRANGEBYSCORE', key, heard - math.max(window, unseen), '+inf')) do
    local moment, then_unseen = string.match(known, '^(%d+)/?(%d*)$')
    if tonumber(moment) - math.max(window, tonumber(then_unseen) or 0) <= heard then return moment, false end
  end
  local moment = string.format('%.0f', heard)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', heard - tonumber(keep))
  redis.call('ZADD', key, heard, string.format('%.0f/%.0f', heard, unseen))
  redis.call('PEXPIRE', key, keep)
  return moment, true
end
"""

# KEYS stream, counter, mesh:heard:<sha256>; ARGV json, node, heard at, not looked for, window, kept (ms)
# -> entry id or nil. Not published again: whoever listens on the channel has heard it already.
ADOPT_ONCE = (
    _ENTER
    + _HEAR
    + """
local moment, first = hear(KEYS[3], ARGV[3], ARGV[4], ARGV[5], ARGV[6])
if not first then return nil end
local entry = enter(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
return entry
"""
)

# What was refused from the channel is named by its digest and the moment when the first listener heard it.
# KEYS mesh:heard:<sha256>; ARGV heard at, not looked for, window, kept (ms) -> that moment (ms)
HEARD_AT = (
    _HEAR
    + """
local moment = hear(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
return moment
"""
)

# A planner puts its word ("" -> pending) beside its decision before it files, and says it after it has filed. Whoever
# has more to tell of that action in between says the planner's word first; it is said once, by whoever comes first.
FIRST_WORD = """
local function first_word(proposal, stream, channel)
  local word = redis.call('HGET', proposal, 'update')
  if not word or redis.call('HGET', proposal, 'state') then return end
  if redis.call('HSETNX', proposal, 'told', '1') == 0 then return end
  redis.call('XADD', stream, '*', 'p', word)
  redis.call('PUBLISH', channel, word)
end
"""

# KEYS stream, once-key or '', proposal:{id} or ''; ARGV json, channel or '', once ttl (s) -> 1 or nil
PUBLISH_ONCE = (
    FIRST_WORD
    + """
if KEYS[2] ~= '' and not redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[3]) then return nil end
if KEYS[3] ~= '' then first_word(KEYS[3], KEYS[1], ARGV[2]) end
redis.call('XADD', KEYS[1], '*', 'p', ARGV[1])
if ARGV[2] ~= '' then redis.call('PUBLISH', ARGV[2], ARGV[1]) end
return 1
"""
)
