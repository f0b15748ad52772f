"""The Lua that runs inside Redis: each script is one indivisible step of the delivery protocol. No logic elsewhere.

Every script may be repeated: it looks before it writes.
"""

# An event that no node agent wrote. Its entry id is <ms>-<n> from one shared counter (n >= 1), so that
# `<node>/<entry id>` is unique over `_foreign`, `_mesh` and `_observer` and never equals a node agent's own `<ms>-0`.
# The id is spliced into the JSON as text: cjson would turn [] into {} and lose digits.
_ENTER = """
local function enter(stream, counter, raw, node)
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
  local entry = string.format('%.0f-%d', ms, redis.call('INCR', counter))
  local full = '{"id":"' .. node .. '/' .. entry .. '",' .. string.sub(raw, 2)
  redis.call('XADD', stream, entry, 'p', full)
  return entry, full
end
"""

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
_FIRST_WORD = """
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
    _FIRST_WORD
    + """
if KEYS[2] ~= '' and not redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[3]) then return nil end
if KEYS[3] ~= '' then first_word(KEYS[3], KEYS[1], ARGV[2]) end
redis.call('XADD', KEYS[1], '*', 'p', ARGV[1])
if ARGV[2] ~= '' then redis.call('PUBLISH', ARGV[2], ARGV[1]) end
return 1
"""
)

# The cooldown gate of one subject, re-entrant for the event that holds it.
# KEYS gate, the worst that was told; ARGV event id, cooldown (ms)
# -> '' go on, or the id of the event that holds it; and the worst that was told, '' if nobody knows.
# A TTL above the cooldown (a clock that jumped back) is clamped; a gate without one (set by hand) gets one.
GATE = """
local told = redis.call('GET', KEYS[2]) or ''
local held = redis.call('GET', KEYS[1])
if not held then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return {'', told}
end
local left = redis.call('PTTL', KEYS[1])
if left < 0 or left > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if held == ARGV[1] then return {'', told} end
return {held, told}
"""

# It got worse: the gate goes over to another event. KEYS gate; ARGV event id, holder, cooldown (ms) -> 1, or 0 if
# somebody else has it by now.
TAKE_GATE = """
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[2] and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
"""

# Trouble that is known already: counted beside its proposal, decided and acknowledged in one step. An entry can be
# acknowledged once, so it is counted once, however often it is handed out.
# KEYS event stream, decisions stream, occurrences; ARGV group, entry id, owner's event id, decision json -> 1 or 0
COUNT = """
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[3], ARGV[3], 1)
redis.call('XADD', KEYS[2], '*', 'p', ARGV[4])
return 1
"""

# Work on an event begins: how many planners began it and did not come to its end, this one included. Counted once in
# each planner's life, however often it tries. KEYS proposal:{id}; ARGV this life, ttl (s) -> how many
BEGIN = """
if redis.call('HGET', KEYS[1], 'life') ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'life', ARGV[1])
  redis.call('HINCRBY', KEYS[1], 'begun', 1)
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return tonumber(redis.call('HGET', KEYS[1], 'begun'))
"""

# It was put down in good order: that beginning does not count. KEYS proposal:{id}; ARGV this life
PUT_DOWN = """
if redis.call('HGET', KEYS[1], 'life') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'life', '')
  redis.call('HINCRBY', KEYS[1], 'begun', -1)
end
return 1
"""

# Free a gate only if it still holds this event. KEYS gate; ARGV event id.
FREE_GATE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

# Keep the gate closed while its owner is still planning. KEYS gate; ARGV event id, at least (ms).
RENEW_GATE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
"""

# It was well there at these moments (ms); an older mark never replaces a newer one.
# KEYS mesh:well:{address}...; ARGV time to live (ms), one moment per key
MARK_RECOVERED = """
for i, key in ipairs(KEYS) do
  local known = redis.call('GET', key)
  if not known or tonumber(known) < tonumber(ARGV[i + 1]) then redis.call('SET', key, ARGV[i + 1], 'PX', ARGV[1]) end
end
return #KEYS
"""

# Which draft is the proposal: the first token wins, for ever. What is to be said once it is filed lies beside it.
# KEYS proposal:{id}; ARGV token, update json, ttl (s) -> the winning token and its update
DECIDE = """
if redis.call('HSETNX', KEYS[1], 'token', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'update', ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return {redis.call('HGET', KEYS[1], 'token'), redis.call('HGET', KEYS[1], 'update')}
"""

# An event is dealt with: say so once, remember it, acknowledge it. One step, so a crash repeats all or nothing.
# KEYS proposal:{id}, event stream, actions stream, decisions stream, incident key or '';
# ARGV group, entry id, state, decision json, ttl (s), channel, event id
SETTLE = (
    _FIRST_WORD
    + """
if redis.call('HGET', KEYS[1], 'state') == false then
  if ARGV[3] == 'filed' then first_word(KEYS[1], KEYS[3], ARGV[6]) end
  redis.call('HSET', KEYS[1], 'state', ARGV[3])
  redis.call('XADD', KEYS[4], '*', 'p', ARGV[4])
end
redis.call('EXPIRE', KEYS[1], ARGV[5])
if KEYS[5] ~= '' then redis.call('SET', KEYS[5], ARGV[7], 'EX', ARGV[5]) end
return redis.call('XACK', KEYS[2], ARGV[1], ARGV[2])
"""
)

# Entries of a stream are read inside Redis, one after the other, so that a reader gets at most so many bytes: a COUNT
# of 200 may be 200 MB. What is longer than any record of ours comes cut, as does an entry with much beside its `p`.
_TAKE = """
local function payload(fields, longest)
  if #fields == 2 and fields[1] == 'p' then return string.sub(fields[2], 1, longest) end
  local found, weight = '', 0
  for i = 1, #fields, 2 do
    if fields[i] == 'p' then found = fields[i + 1] end
    weight = weight + #fields[i] + #fields[i + 1]
  end
  if weight >= longest then return string.sub(table.concat(fields, ' '), 1, longest) end
  return found
end
"""

# New entries for one consumer, one of each stream in turn, so that nobody's stream keeps the others waiting.
# KEYS streams; ARGV group, consumer, most entries, most bytes, longest payload -> {{stream, id, payload}...}
TAKE_NEW = (
    _TAKE
    + """
local left, room, longest = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local taken, open = {}, KEYS
while #open > 0 and left > 0 and room > 0 do
  local again = {}
  for first = 1, #open, 16 do
    if left <= 0 or room <= 0 then break end
    local last = math.min(first + math.min(left, 16) - 1, #open)
    local words = {'GROUP', ARGV[1], ARGV[2], 'COUNT', 1, 'STREAMS'}
    for i = first, last do words[#words + 1] = open[i] end
    for i = first, last do words[#words + 1] = '>' end
    for _, stream in ipairs(redis.call('XREADGROUP', unpack(words)) or {}) do
      local entry = stream[2][1]
      local raw = payload(entry[2], longest)
      taken[#taken + 1] = {stream[1], entry[1], raw}
      again[#again + 1] = stream[1]
      left, room = left - 1, room - #raw
    end
  end
  open = again
end
return taken
"""
)

# Pending entries for one consumer, in order; what no longer fits is left where it is.
# KEYS stream; ARGV group, consumer, least idle (ms), most bytes, longest payload, ids... -> {{stream, id, payload}...}
TAKE_OVER = (
    _TAKE
    + """
local room, longest, taken = tonumber(ARGV[4]), tonumber(ARGV[5]), {}
for i = 6, #ARGV do
  if room <= 0 then break end
  local entry = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[i])[1]
  if entry and entry[2] then
    local raw = payload(entry[2], longest)
    taken[#taken + 1] = {KEYS[1], entry[1], raw}
    room = room - #raw
  end
end
return taken
"""
)

# How many entries streams ever got and how many they have: XINFO itself would bring the first and the last one, too.
# KEYS streams -> {{added, length}...}; {} where there is no such stream, or the server does not count (before 7.0)
COUNTS = """
local found = {}
for i, stream in ipairs(KEYS) do
  local info, added, length = redis.pcall('XINFO', 'STREAM', stream), nil, nil
  for j = 1, #info, 2 do
    if info[j] == 'entries-added' then added = info[j + 1] end
    if info[j] == 'length' then length = info[j + 1] end
  end
  found[i] = added and {added, length} or {}
end
return found
"""

# One page of a stream for somebody who keeps his own place.
# KEYS stream; ARGV from, to, most entries, most bytes, longest payload -> {1 at the end of it, {{id, payload}...}}
PAGE = (
    _TAKE
    + """
local from, room, longest, rows = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5]), {}
while #rows < tonumber(ARGV[3]) and room > 0 do
  local entry = redis.call('XRANGE', KEYS[1], from, ARGV[2], 'COUNT', 1)[1]
  if not entry then return {1, rows} end
  local raw = payload(entry[2], longest)
  rows[#rows + 1] = {entry[1], raw}
  from, room = '(' .. entry[1], room - #raw
end
return {0, rows}
"""
)
