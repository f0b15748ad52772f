"""How entries of streams are read: new ones, those of dead consumers, page by page, and how many there are."""

from __future__ import annotations

from mesh_core.models.streams import LAST_ID

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

# One page of a stream for somebody who keeps his own place. Whoever may write a stream may write the last id there is.
# KEYS stream; ARGV from, to, most entries, most bytes, longest payload -> {1 at the end of it, {{id, payload}...}}
PAGE = (
    _TAKE
    + f"local past_the_last = '({LAST_ID}'"
    + """
local from, room, longest, rows = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5]), {}
while #rows < tonumber(ARGV[3]) and room > 0 do
  if from == past_the_last then return {1, rows} end
  local entry = redis.call('XRANGE', KEYS[1], from, ARGV[2], 'COUNT', 1)[1]
  if not entry then return {1, rows} end
  local raw = payload(entry[2], longest)
  rows[#rows + 1] = {entry[1], raw}
  from, room = '(' .. entry[1], room - #raw
end
return {0, rows}
"""
)
