import { hash } from 'node:crypto';
import type { Redis } from 'ioredis';

/** A step that the server does as a whole, or not at all. Written for Redis 6.2; every key that it touches is declared. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

const script = (lua: string): Script => ({ lua, sha: hash('sha1', lua, 'hex') });

/** Runs a script by its digest, and by its text when the server does not know it yet (NOSCRIPT: restarted, or flushed). */
export async function runScript(
  redis: Redis,
  { lua, sha }: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await redis.evalsha(sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return redis.eval(lua, keys.length, ...keys, ...args);
  }
}

// Numbers: Lua prints them with 14 digits, so everything that counts is printed with %.0f, exact below 2^53.

/** What a write answers when the slot's birth is not the one that the caller knows: nothing was written. */
export const OTHER_BIRTH = 'birth';

const SAME_BIRTH = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'birth' end`;

/** The version of a live entry as text, '0' when it is absent, and when it expires. Its value is not read. */
const LIVE = `
local now = tonumber(ARGV[2])
local function live(key)
  local version, expires = string.match(redis.call('GETRANGE', key, 0, 63), '^(%d+) (%S+) ')
  if not version or (expires ~= '0' and tonumber(expires) <= now) then return '0', '0' end
  return version, expires
end`;

const WRITE = `
local function write(key, name, version, expires, value)
  redis.call('SET', key, version .. ' ' .. expires .. ' ' .. value)
  redis.call('ZADD', KEYS[4], 0, name)
  if expires == '0' then redis.call('ZREM', KEYS[3], ARGV[3] .. ' ' .. name)
  else redis.call('ZADD', KEYS[3], expires, ARGV[3] .. ' ' .. name) end
end`;

/**
 * KEYS birth, meta, expiry, index, partitions, changes, nodes, then a value's for every name that follows.
 * ARGV birth, now, partition, slot, nonce, channel, how many changes to keep, the changes as one JSON text, the numbers of
 * expectations, removals, puts and changes; then `name version`…, `name`…, `name expiresAt value`…, a JSON text for each
 * change. Answers 0 when a condition does not hold; else 1, and of a commit with changes the position of the last one and
 * everything in `nodes`.
 */
export const COMMIT = script(`
${SAME_BIRTH}
${LIVE}
${WRITE}
local expects, removes, puts, changes = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local at, key = 13, 8
for _ = 1, expects do
  if live(KEYS[key]) ~= ARGV[at + 1] then return {0} end
  at, key = at + 2, key + 1
end
local version = string.format('%.0f', redis.call('HINCRBY', KEYS[2], 'version', 1))
for _ = 1, removes do
  redis.call('DEL', KEYS[key])
  redis.call('ZREM', KEYS[3], ARGV[3] .. ' ' .. ARGV[at])
  redis.call('ZREM', KEYS[4], ARGV[at])
  at, key = at + 1, key + 1
end
for _ = 1, puts do
  write(KEYS[key], ARGV[at], version, ARGV[at + 1], ARGV[at + 2])
  at, key = at + 3, key + 1
end
if puts > 0 then redis.call('SADD', KEYS[5], ARGV[3])
elseif removes > 0 and redis.call('EXISTS', KEYS[4]) == 0 then redis.call('SREM', KEYS[5], ARGV[3]) end
if changes == 0 then return {1} end
local last = redis.call('HINCRBY', KEYS[2], 'position', changes)
for i = 1, changes do
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[7], string.format('%.0f-%s', last - changes + i, ARGV[5]), 'c', ARGV[at])
  at = at + 1
end
redis.call('HSET', KEYS[2], 'nonce', ARGV[5])
redis.call('PUBLISH', ARGV[6], string.format('change %s %.0f %s ', ARGV[4], last - changes + 1, ARGV[5]) .. ARGV[8])
return {1, string.format('%.0f', last), redis.call('HGETALL', KEYS[7])}`);

/**
 * KEYS birth, meta, expiry, index, partitions, value. ARGV birth, now, partition, name, amount, when a new window ends.
 * Answers the count as text, or `text` (not a counter) or `range` (not a safe integer) and nothing is written.
 */
export const INCREMENT = script(`
${SAME_BIRTH}
${LIVE}
${WRITE}
local count = tonumber(ARGV[5])
local former, expires = live(KEYS[6])
if former == '0' then expires = ARGV[6]
else
  local value = tonumber(string.match(redis.call('GETRANGE', KEYS[6], 0, 127), '^%d+ %S+ (.*)$'))
  if not value then return 'text' end
  count = count + value
end
if count ~= math.floor(count) or math.abs(count) > 9007199254740991 then return 'range' end
local text = string.format('%.0f', count)
if text == '-0' then text = '0' end
write(KEYS[6], ARGV[4], string.format('%.0f', redis.call('HINCRBY', KEYS[2], 'version', 1)), expires, text)
redis.call('SADD', KEYS[5], ARGV[3])
return {text}`);

/**
 * Removes what expired. KEYS expiry, partitions, then for each entry its value and the index of its partition. ARGV now, then
 * for each entry its name and partition. Each is judged again here: somebody may have prolonged it meanwhile.
 */
export const SWEEP = script(`
for i = 1, (#KEYS - 2) / 2 do
  local value, index, name, partition = KEYS[i * 2 + 1], KEYS[i * 2 + 2], ARGV[i * 2], ARGV[i * 2 + 1]
  local expires = redis.call('ZSCORE', KEYS[1], partition .. ' ' .. name)
  if expires and tonumber(expires) <= tonumber(ARGV[1]) then
    redis.call('DEL', value)
    redis.call('ZREM', KEYS[1], partition .. ' ' .. name)
    redis.call('ZREM', index, name)
    if redis.call('EXISTS', index) == 0 then redis.call('SREM', KEYS[2], partition) end
  end
end`);

/** KEYS birth and meta of every slot. Answers birth, position and nonce of each, '' for what is missing. */
export const LOOK = script(`
local found = {}
for i = 1, #KEYS, 2 do
  local numbers = redis.call('HMGET', KEYS[i + 1], 'position', 'nonce')
  found[#found + 1] = redis.call('GET', KEYS[i]) or ''
  found[#found + 1] = numbers[1] or ''
  found[#found + 1] = numbers[2] or ''
end
return found`);

/**
 * The changes of one slot after a position. KEYS meta, changes. ARGV position, its nonce ('' when unknown), how many.
 * Answers the position of the newest change that was trimmed away, 1 when that very change is in the log, and the changes.
 */
export const READ = script(`
local position = tonumber(redis.call('HGET', KEYS[1], 'position') or '0')
local id = ARGV[1] .. '-' .. ARGV[2]
local known = ARGV[2] == '' or #redis.call('XRANGE', KEYS[2], id, id) == 1
local after = string.format('%.0f-0', tonumber(ARGV[1]) + 1)
return {
  string.format('%.0f', position - redis.call('XLEN', KEYS[2])),
  known and 1 or 0,
  redis.call('XRANGE', KEYS[2], after, '+', 'COUNT', ARGV[3])
}`);

/**
 * A new birth of one slot, unless somebody else was first. KEYS birth, meta, changes, nodes. ARGV the birth that is found
 * there, the new one, the lowest position and version that it may have, channel, then `node ping`… of who may still trust
 * what it remembers. Answers 1 when it was done.
 */
export const GIVE_BIRTH = script(`
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
local numbers = redis.call('HMGET', KEYS[2], 'position', 'version')
local position = math.max(tonumber(numbers[1] or '0'), tonumber(ARGV[3])) + 1
local version = math.max(tonumber(numbers[2] or '0') + 4294967296, tonumber(ARGV[4]))
redis.call('HSET', KEYS[2], 'position', string.format('%.0f', position), 'version', string.format('%.0f', version), 'nonce', '')
redis.call('DEL', KEYS[3])
redis.call('SET', KEYS[1], ARGV[2])
for i = 6, #ARGV, 2 do redis.call('HSETNX', KEYS[4], ARGV[i], ARGV[i + 1]) end
redis.call('PUBLISH', ARGV[5], 'birth')
return 1`);

/**
 * Enters a node in the registry and tells everybody, if the births are those that it knows. KEYS nodes, then birth and meta of
 * every slot. ARGV node, number of the ping, channel, the births. Answers seconds and microseconds of the server's clock and
 * everything in `nodes`.
 */
export const PING = script(`
local positions = {}
for i = 1, #ARGV - 3 do
  if redis.call('GET', KEYS[i * 2]) ~= ARGV[i + 3] then return 'birth' end
  positions[i] = redis.call('HGET', KEYS[i * 2 + 1], 'position')
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PUBLISH', ARGV[3], 'ping ' .. ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. table.concat(positions, ','))
return {redis.call('TIME'), redis.call('HGETALL', KEYS[1])}`);

/** Takes a node out of the registry if its newest ping is still this one. KEYS nodes. ARGV node, number of the ping. */
export const REAP = script(`
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end`);
