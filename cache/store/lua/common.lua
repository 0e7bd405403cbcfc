-- What all scripts share. An item begins with 'PK\1', a byte, two times of 8 bytes, where its value begins (4 bytes) and
-- how many tags it has (2 bytes); then each tag with its length (2 bytes) before and its version (8 bytes) behind it.

-- parse gives where the value begins and the list of {tag, version}. It raises an error for what is not an item.
local function parse(item)
  local offset, count = struct.unpack('>I4I2', item, 21)
  local tags, at = {}, 27
  for i = 1, count do
    local size = struct.unpack('>I2', item, at)
    tags[i] = {item:sub(at + 2, at + 1 + size), item:sub(at + 2 + size, at + 9 + size)}
    at = at + 10 + size
  end
  return offset, tags
end

-- alive is parse for an item none of whose tags was purged since it was stored; else it gives nil.
local function alive(item, versions)
  if not item or item:sub(1, 3) ~= 'PK\1' then return nil end
  local ok, offset, tags = pcall(parse, item)
  if not ok then return nil end
  for _, tag in ipairs(tags) do
    if redis.call('GET', versions .. tag[1]) ~= tag[2] then return nil end
  end
  return offset, tags
end

-- extend makes a key live at least as long as an item that needs it; 0 is an item without expiry, which gets 30 days, so that
-- tags of which nothing is left do not stay for ever. It gives twice the time, because each change of a version makes
-- every penknife forget the items of the tag.
local function extend(key, ttl, fresh)
  if ttl == 0 then ttl = 30 * 24 * 3600 * 1000 end
  if fresh or redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl * 2) end
end
