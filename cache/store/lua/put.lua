-- KEYS: item. ARGV: prefixes of versions, members and items; key; ttl in ms (0: none); 'nx' to store only if there is
-- nothing; a version for tags that have none; start of the item; value; tags. Gives 1 if it stored.
local versions, members, items, key, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
if ARGV[6] == 'nx' and alive(redis.call('GET', KEYS[1]), versions) then return 0 end
local tags = ''
for i = 10, #ARGV do
  local tag = ARGV[i]
  local version = redis.call('GET', versions .. tag)
  local fresh = not version or #version ~= 8
  if fresh then
    version = ARGV[7]
    redis.call('SET', versions .. tag, version)
  end
  extend(versions .. tag, ttl, fresh)
  fresh = redis.call('EXISTS', members .. tag) == 0
  if redis.call('SADD', members .. tag, key) == 1 then
    for _, other in ipairs(redis.call('SRANDMEMBER', members .. tag, 2)) do
      if other ~= key and redis.call('EXISTS', items .. other) == 0 then redis.call('SREM', members .. tag, other) end
    end
  end
  extend(members .. tag, ttl, fresh)
  tags = tags .. struct.pack('>I2', #tag) .. tag .. version
end
local item = ARGV[8] .. struct.pack('>I4I2', 26 + #tags, #ARGV - 9) .. tags .. ARGV[9]
if ttl > 0 then redis.call('SET', KEYS[1], item, 'PX', ttl) else redis.call('SET', KEYS[1], item) end
return 1
