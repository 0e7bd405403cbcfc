-- KEYS: version, members. ARGV: prefix of items; tag; how many members to look at. Without their version the items are
-- dead; this removes some of them, and gives how many and how many members are left.
redis.call('DEL', KEYS[1])
local removed = 0
for _, key in ipairs(redis.call('SPOP', KEYS[2], ARGV[3])) do
  local name = ARGV[1] .. key
  local fixed = redis.call('GETRANGE', name, 0, 25)
  if #fixed == 26 and fixed:sub(1, 3) == 'PK\1' then
    local offset = struct.unpack('>I4', fixed, 21)
    local ok, _, tags = pcall(parse, redis.call('GETRANGE', name, 0, offset - 1))
    for _, tag in ipairs(ok and tags or {}) do
      if tag[1] == ARGV[2] then
        removed = removed + redis.call('UNLINK', name)
        break
      end
    end
  end
end
return {removed, redis.call('SCARD', KEYS[2])}
