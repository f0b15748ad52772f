"""A planner's own steps: the gate of a subject, work that begins, the draft that counts, the end of an event."""

from mesh_core.messaging.scripts.writing import FIRST_WORD

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

# Trouble that may be part of a storm: kept once, and no more than so many.
# KEYS mesh:storm:{...}; ARGV the member's key, its json, at most, at least so long (s) -> all of them
NOTE_MEMBER = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
return redis.call('HVALS', KEYS[1])
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
    FIRST_WORD
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

# A proposal of a request is filed: say so once. Its entry is acknowledged when those for all of its hosts are.
# KEYS proposal:{id}, actions stream; ARGV ttl (s), channel
TELL_FILED = (
    FIRST_WORD
    + """
first_word(KEYS[1], KEYS[2], ARGV[2])
redis.call('HSET', KEYS[1], 'state', 'filed')
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""
)
