-- KEYS: item. ARGV: prefixes of versions and members; expiry as the item has it; ttl in ms (0: none). Gives 1 if it is there.
local _, tags = alive(redis.call('GET', KEYS[1]), ARGV[1])
if not tags then return 0 end
local ttl = tonumber(ARGV[4])
redis.call('SETRANGE', KEYS[1], 12, ARGV[3])
if ttl > 0 then redis.call('PEXPIRE', KEYS[1], ttl) else redis.call('PERSIST', KEYS[1]) end
for _, tag in ipairs(tags) do
  extend(ARGV[1] .. tag[1], ttl, false)
  extend(ARGV[2] .. tag[1], ttl, false)
end
return 1
