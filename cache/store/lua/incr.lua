-- KEYS: item. ARGV: prefix of versions; delta; a key of nobody. Gives {0} if there is nothing, {1} if it is no number, {2} if
-- the sum would overflow, {3, sum} else. The sum is made by Redis, because numbers in Lua have 53 bits.
local item = redis.call('GET', KEYS[1])
local offset = alive(item, ARGV[1])
if not offset then return {0} end
local scratch = ARGV[3]
redis.call('SET', scratch, item:sub(offset + 1))
if type(redis.pcall('INCRBY', scratch, 0)) ~= 'number' then
  redis.call('DEL', scratch)
  return {1}
end
if type(redis.pcall('INCRBY', scratch, ARGV[2])) ~= 'number' then
  redis.call('DEL', scratch)
  return {2}
end
local sum = redis.call('GET', scratch)
redis.call('DEL', scratch)
redis.call('SET', KEYS[1], item:sub(1, offset) .. sum, 'KEEPTTL')
return {3, sum}
