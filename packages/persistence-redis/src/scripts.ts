import { createHash } from "node:crypto";

/** A script that every server keeps by its hash once it was run there. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

/** The length of a version, with which every stored value starts. */
export const VERSION_BYTES = 16;
/** How many changes the stream of a bucket keeps, or somewhat more: Redis drops whole blocks. */
const LOG_LENGTH = 512;
/** Up to this size a value stands in the change stream too; of a larger one its version does. */
const LOG_VALUE_BYTES = 4096;
/** How many expired keys one script tidies away. */
const SWEEP = 64;

/*
 * What both scripts start with: KEYS are the index, the change stream and the expiry times of a bucket. What has expired
 * leaves index and stream before anything else is done; its value has gone by itself, at the very millisecond. Each entry
 * of the stream names the one before it, so that a reader sees a gap, whatever made it.
 */
const HEAD = `
local index, stream, expiry = KEYS[1], KEYS[2], KEYS[3]
local call, sub = redis.call, string.sub
local time = call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)

local last
local function log(...)
  if not last then
    local tail = call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
    last = tail and tail[1] or ''
  end
  last = call('XADD', stream, 'MAXLEN', '~', ${LOG_LENGTH}, '*', 'after', last, ...)
end

for _, member in ipairs(call('ZRANGEBYSCORE', expiry, '-inf', '(' .. now, 'LIMIT', 0, ${SWEEP})) do
  log('delete', member)
  call('ZREM', index, member)
  call('ZREM', expiry, member)
end
`;

/**
 * Applies operations to one bucket. The KEYS after the first three are values. ARGV: `all` or `each`; where a member
 * starts in the name of a value; then for each value `<type><condition>`, with type c(heck), p(ut) or d(elete) and
 * condition `*`, `-` (absent) or `=version`; for a put also the bytes and the ttl in milliseconds or nothing.
 * Answers the server's microseconds where all were applied; else a list of them and, for `all`, pairs of the place of an
 * operation whose condition did not hold and its current bytes; for `each`, one answer an operation: 1 or [bytes].
 */
const APPLY = `${HEAD}
local items, at = {}, 3
for i = 4, #KEYS do
  local head = ARGV[at]
  local item = { key = KEYS[i], kind = sub(head, 1, 1), when = sub(head, 2) }
  at = at + 1
  if item.kind == 'p' then
    item.bytes, item.ttl = ARGV[at], ARGV[at + 1]
    at = at + 2
  end
  items[i - 3] = item
end

local function holds(item)
  if item.when == '*' then return true end
  local version = call('GETRANGE', item.key, 0, ${VERSION_BYTES - 1})
  if item.when == '-' then return version == '' end
  return version ~= '' and item.when == '=' .. version
end

local from = tonumber(ARGV[2])
local function apply(item)
  local member = sub(item.key, from)
  if item.kind == 'p' then
    local field, shown = 'value', item.bytes
    if #shown > ${LOG_VALUE_BYTES} then field, shown = 'version', sub(shown, 1, ${VERSION_BYTES}) end
    if item.ttl == '' then
      log('put', member, field, shown)
      call('ZADD', index, 0, member)
      call('ZREM', expiry, member)
      call('SET', item.key, item.bytes)
    else
      local due = now + item.ttl
      log('put', member, field, shown, 'until', due)
      call('ZADD', index, 0, member)
      call('ZADD', expiry, due, member)
      call('SET', item.key, item.bytes, 'PXAT', due)
    end
  elseif item.kind == 'd' and call('EXISTS', item.key) == 1 then
    log('delete', member)
    call('ZREM', index, member)
    call('ZREM', expiry, member)
    call('DEL', item.key)
  end
end

if ARGV[1] == 'each' then
  local answers = { micros }
  for i, item in ipairs(items) do
    if holds(item) then
      apply(item)
      answers[i + 1] = 1
    else
      answers[i + 1] = { call('GET', item.key) }
    end
  end
  return answers
end

local lost = {}
for i, item in ipairs(items) do
  if not holds(item) then
    lost[#lost + 1] = i - 1
    lost[#lost + 1] = call('GET', item.key)
  end
end
if #lost > 0 then return { micros, unpack(lost) } end
for _, item in ipairs(items) do apply(item) end
return micros
`;

/** Tidies expired keys away. Answers the server's microseconds, and when the next key expires, in milliseconds. */
const SWEEP_EXPIRED = `${HEAD}
local next = call('ZRANGE', expiry, 0, 0, 'WITHSCORES')[2]
return { micros, next and tonumber(next) or -1 }
`;

export const apply: Script = script(APPLY);
export const sweepExpired: Script = script(SWEEP_EXPIRED);

function script(text: string): Script {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}
