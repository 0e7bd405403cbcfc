-- KEYS: item. ARGV: prefix of versions. Gives 1 if it was there.
local there = alive(redis.call('GET', KEYS[1]), ARGV[1])
redis.call('UNLINK', KEYS[1])
return there and 1 or 0
