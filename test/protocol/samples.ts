/** One or more messages of every kind, with the odd values that real ones have. */
import type { Cid } from '../../src/core/lib/ids.ts';
import type { BlobMessage } from '../../src/protocol/blob-codec.ts';
import { cellId, memberId, nodeId, type RunId } from '../../src/core/lib/ids.ts';
import type { Capabilities, Command, Outcome, ResultItem, RunSpec } from '../../src/core/cell/types.ts';
import type { Config, RaftMessage } from '../../src/core/raft/types.ts';
import type { Beacon, BulkMessage, LeaderHint, WorkMessage } from '../../src/protocol/messages.ts';

export const cell = cellId('0123456789abcdef0123456789abcdef');
export const node = nodeId('12D3KooWAqzq1HmBLtdoMqm3CzZjkmRugWvzBGTNRs3E8pHqCyQ9');
export const member = memberId(node, 'a1b2c3d4e5f60718');
const runId = `ab3d-${cell}` as RunId;

const cid = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' as Cid;

export const capabilities: Capabilities = { os: 'linux', arch: 'x64', slots: 4, memory: 2 ** 34, gpus: ['RTX'], tools: { node: '24.1.0' }, labels: { gpu: '', zone: 'a' }, functions: ['noop'] };

export const spec: RunSpec = {
  name: 'encode',
  params: { src: 'a "quoted" $(name)\n', count: 3, list: [1, null, { deep: true }], film: { kind: 'file', cid, name: 'a b.mkv', size: 7, count: 1 } },
  env: { LC_ALL: 'C' },
  bundles: { abc: 'export function go() {}', [cid]: { kind: 'file', cid, name: 'steps.ts', size: 70_000, count: 1 } },
  policy: { priority: 7, parallelMax: 3, barrier: 'wave' },
  modules: [
    { name: 'split', needs: [], action: { type: 'run', command: 'true' }, env: {}, requires: { cpu: 0.5, memory: 1, labels: ['gpu'], tools: { ffmpeg: '>=6' }, os: ['linux'], arch: [] }, timeoutMs: 1000, retry: { attempts: 2, backoffMs: 5000, factor: 2, jitter: true, capMs: 300_000 }, effectful: false, durationMs: 0, files: { inputs: [{ variable: 'SRC', module: 0, output: 'parts' }, { variable: 'FILM', param: 'film' }], outputs: [{ name: 'parts', pattern: 'out/*.mkv' }] } },
    { name: 'join', needs: [0], action: { type: 'bundle', bundle: 'abc', export: 'go', sourceName: './a.ts' }, env: { __proto__x: '1' }, requires: { cpu: 1, memory: 0, labels: [], tools: {}, os: [], arch: ['x64'] }, timeoutMs: 0, retry: { attempts: 1, backoffMs: 5000, factor: 2, jitter: false, capMs: 300_000 }, effectful: true, durationMs: 12.5, policy: { priority: 10, limits: [{ key: 'nas', max: 1 }, { key: 'licences', max: 20 }], hedgeFactor: 0 } },
    { name: 'call', needs: [0, 1], action: { type: 'registered', function: 'noop' }, env: {}, requires: { cpu: 1, memory: 0, labels: [], tools: {}, os: [], arch: [] }, timeoutMs: 0, retry: { attempts: 1, backoffMs: 5000, factor: 2, jitter: true, capMs: 300_000 }, effectful: false, durationMs: 0 },
  ],
};

const fine: Outcome = { ok: true, values: { out: ['x', { y: null }], constructor: 1 }, error: null, exitCode: 0, tail: 'Ärger \u001B[31mred', startedAt: 1.7e12, durationMs: 3.25 };
const filed: Outcome = { ...fine, values: {}, files: { parts: { kind: 'tree', cid, name: '', size: 10, count: 3 }, log: { kind: 'file', cid, name: 'a b.txt', size: 0, count: 1 } } };
const bad: Outcome = { ok: false, values: {}, error: { code: 'MODULE_EXIT', message: 'exit code 3' }, exitCode: 3, tail: '', startedAt: 1.7e12, durationMs: 0 };
const results: ResultItem[] = [
  { run: 5, module: 0, generation: 1, fence: 4096 * 7, inputsHash: 'h', outcome: fine },
  { run: 5, module: 1, generation: 2, fence: 4096 * 7 + 1, inputsHash: '', outcome: bad },
  { run: 5, module: 1, generation: 2, fence: 4096 * 7 + 2, inputsHash: '', outcome: filed },
  { run: 5, module: 1, generation: 2, fence: 4096 * 7 + 3, inputsHash: '', outcome: { ...filed, log: { cid, size: 70_000_000, cut: 2 ** 33, cutAt: 32 * 1024 * 1024 } } },
  { run: 5, module: 1, generation: 2, fence: 4096 * 7 + 4, inputsHash: '', outcome: { ...fine, log: { cid, size: 3000, cut: 0, cutAt: 0 } } },
  { run: 5, module: 1, generation: 2, fence: 4096 * 7 + 5, inputsHash: '', outcome: filed, holders: [node] },
  { run: 5, module: 1, generation: 2, fence: 4096 * 7 + 6, inputsHash: '', outcome: filed, holders: [node], unable: [nodeId('x')] },
];
const running = [{ run: 5, module: 1, fence: 99 }];

export const commands: Command[] = [
  { type: 'genesis', cellId: cell, clusterName: 'skein', createdAt: 1.7e12, founder: node },
  { type: 'sessionOpen', now: 1, node, member, bootId: 'b', name: 'n', capabilities, running },
  { type: 'sessionOpen', now: 1.5, node, member: '', bootId: 'b', name: 'n', capabilities, running: [] },
  { type: 'sessionExpire', now: 2, session: 9, reason: 'socket' },
  { type: 'submit', now: 3, requestKey: 'k', spec },
  { type: 'submitPart', now: 3, requestKey: 'k', part: 1, parts: 3, bytes: new Uint8Array([1, 2, 3]) },
  { type: 'cancel', now: 4, run: 5, reason: 'enough' },
  { type: 'claimBatch', now: 5, claims: [{ run: 5, module: 0, session: 9 }, { run: 5, module: 2, session: 10 }] },
  { type: 'release', now: 6, claims: running, reason: 'timeout' },
  { type: 'results', now: 7, jitter: 0.25, items: results },
  { type: 'nodeDrain', now: 8, node, on: true },
  { type: 'retire', now: 9, runs: [5, 6] },
  { type: 'close', now: 10, senior: cell },
  { type: 'runPause', now: 11, run: 5, on: true, reason: 'the disk is full' },
  { type: 'hedgeBatch', now: 13, claims: [{ run: 5, module: 1, session: 9 }] },
  { type: 'queuePause', now: 12, on: false, reason: '' },
  { type: 'holders', now: 14, items: [{ run: 5, module: 1, generation: 2, node, on: true }, { run: 5, module: 2, generation: 1, node, on: false }] },
  { type: 'invalidate', now: 15, items: [{ run: 5, module: 1, generation: 2 }] },
];

const hint: LeaderHint = { cell, node, addresses: ['/ip4/127.0.0.1/tcp/9000'] };
const nobody: LeaderHint = { cell: '', node: '', addresses: [] };

export const workMessages: WorkMessage[] = [
  { type: 'sessionOpen', id: 1, cell, member, bootId: 'b', name: 'n', version: '1', capabilities, addresses: ['/ip4/1.2.3.4/tcp/1'], running },
  { type: 'sessionReply', id: 1, session: 0, error: 'CELL_CLOSED', hint: nobody },
  { type: 'progress', cell, session: 3, items: [{ fence: 4096, fraction: 0.5, message: 'half' }, { fence: 4097, fraction: null, message: '' }] },
  { type: 'keepalive', cell, session: 3, sequence: 4, slots: 0, load: 0.5, receiveBytesPerSecond: 120_000_000, running, committing: [7], fetching: [8, 9] },
  { type: 'keepalive', cell, session: 3, sequence: 4, slots: 0, load: 0.5, receiveBytesPerSecond: 120_000_000, running, committing: [], fetching: [] },
  { type: 'keepaliveReply', cell, session: 3, sequence: 4, known: true, stop: [1, 2], contacts: [{ node, addresses: [] }] },
  { type: 'runSpec', cell, run: 5, runId, offset: 0, total: 3, bytes: new Uint8Array([1, 2, 3]) },
  { type: 'assign', cell, session: 3, items: [{ run: 5, module: 1, fence: 7, generation: 1, attempt: 1, inputsHash: 'x', needs: [{ a: 1, b: [true] }, {}], inputs: [[{ kind: 'tree', cid, name: '', size: 12, count: 3 }], []], inputHolders: [[node], []], checkpoint: { kind: 'tree', cid, name: '', size: 12, count: 3 }, item: null }, { run: 5, module: 9, fence: 8, generation: 1, attempt: 1, inputsHash: 'y', needs: [], inputs: [], inputHolders: [], checkpoint: null, item: { template: 2, number: 6, source: { type: 'value', value: { a: [1, 'ü'] } } } }, { run: 5, module: 10, fence: 9, generation: 1, attempt: 1, inputsHash: 'z', needs: [], inputs: [], inputHolders: [], checkpoint: null, item: { template: 2, number: 7, source: { type: 'file', files: { kind: 'tree', cid, name: '', size: 12, count: 30 }, position: 7 } } }] },
  { type: 'checkpoint', cell, claim: { run: 5, module: 1, fence: 7 }, inputsHash: 'ab12', files: { kind: 'tree', cid, name: '', size: 12, count: 3 } },
  { type: 'decline', cell, session: 3, claims: running, needSpec: true },
  { type: 'stop', cell, session: 3, fences: [7], reason: 'superseded' },
  { type: 'results', cell, id: 8, items: results },
  { type: 'resultsReply', id: 8, verdicts: ['accepted', 'duplicate', 'stale', 'unknown', 'needCopies'], nodes: [node], hint },
  { type: 'leave', id: 9, cell, node, session: 3, handOver: true },
  { type: 'leaveReply', id: 9, done: false, lastCopies: 2, hint },
  { type: 'forward', id: 10, cell, request: { type: 'submit', requestKey: 'k' }, part: 0, parts: 1, bytes: new Uint8Array([9]) },
  { type: 'forward', id: 10, cell, request: { type: 'cancel', run: 5, reason: '' }, part: 0, parts: 1, bytes: new Uint8Array(0) },
  { type: 'forward', id: 10, cell, request: { type: 'drain', node, on: false }, part: 0, parts: 1, bytes: new Uint8Array(0) },
  { type: 'forward', id: 10, cell, request: { type: 'pauseRun', run: 5, on: true, reason: 'why' }, part: 0, parts: 1, bytes: new Uint8Array(0) },
  { type: 'forward', id: 10, cell, request: { type: 'pauseQueue', on: false, reason: '' }, part: 0, parts: 1, bytes: new Uint8Array(0) },
  { type: 'forwardReply', id: 10, reply: null, hint: nobody },
  { type: 'forwardReply', id: 10, reply: { type: 'ok' }, hint },
  { type: 'forwardReply', id: 10, reply: { type: 'session', session: 4 }, hint },
  { type: 'forwardReply', id: 10, reply: { type: 'run', run: 5, runId, duplicate: true }, hint },
  { type: 'forwardReply', id: 10, reply: { type: 'results', verdicts: ['stale'] }, hint },
  { type: 'forwardReply', id: 10, reply: { type: 'claims', fences: [0, 5] }, hint },
  { type: 'forwardReply', id: 10, reply: { type: 'error', code: 'LIMIT_EXCEEDED', message: 'too many' }, hint },
  { type: 'read', id: 11, cell, strong: true, query: 'run', argument: { id: 'x' } },
  { type: 'readReply', id: 11, index: 40, code: '', message: '', part: 0, parts: 2, bytes: new Uint8Array([123]), hint },
  { type: 'watch', id: 12, cell, run: 0, after: -1 },
  { type: 'watchEvents', id: 12, events: [{ sequence: 1, phase: 'running' }], gone: false },
  { type: 'beacon', beacon: new Uint8Array([1]) },
];

const config: Config = { voters: [member], outgoing: [], standbys: [memberId(node, 'b')], removed: [memberId(node, 'c')] };

export const raftMessages: RaftMessage[] = [
  { type: 'preVote', term: 3, lastIndex: 10, lastTerm: 2, lostLeader: true },
  { type: 'preVoteReply', term: 3, requestTerm: 3, granted: false },
  { type: 'vote', term: 3, lastIndex: 10, lastTerm: 2, transfer: true },
  { type: 'voteReply', term: 3, granted: true },
  { type: 'append', term: 3, prevIndex: 0, prevTerm: 0, entries: [], commit: 0, sentAt: 12.5, round: 1 },
  {
    type: 'append',
    term: 3,
    prevIndex: 10,
    prevTerm: 2,
    entries: [
      { index: 11, term: 3, kind: 'noop', data: new Uint8Array(0) },
      { index: 12, term: 3, kind: 'config', config, data: new Uint8Array(0) },
      { index: 13, term: 3, kind: 'command', data: new Uint8Array([1, 2]) },
    ],
    commit: 10,
    sentAt: 0,
    round: 2,
  },
  { type: 'appendReply', term: 3, ok: false, index: 9, hintTerm: 2, sentAt: 12.5, round: 2 },
  { type: 'timeoutNow', term: 3, lastIndex: 9, lastTerm: 2 },
];

export const blobMessages: BlobMessage[] = [
  { type: 'find', cid },
  { type: 'have', cid, size: 5_000_000_000, chunks: null },
  { type: 'have', cid, size: 5_000_000, chunks: new Uint8Array([1]) },
  { type: 'haveNot', cid },
  { type: 'gained', cid, chunk: 7 },
  { type: 'taking', cid, chunk: 8 },
  { type: 'want', id: 9, cid, chunk: -1, zstd: false },
  { type: 'want', id: 2 ** 44, cid, chunk: 3, zstd: true },
  { type: 'piece', id: 9, offset: 262_144, total: 262_147, bytes: new Uint8Array([1, 2, 3]), rawBytes: null },
  { type: 'piece', id: 9, offset: 262_144, total: 524_288, bytes: new Uint8Array([1, 2, 3]), rawBytes: 262_144 },
  { type: 'refuse', id: 9, reason: 'busy' },
  { type: 'stop', id: 9 },
  { type: 'doubt', cid, chunk: 0 },
  { type: 'keep', cid, tree: true, check: false, urgent: true, holders: [node] },
  { type: 'keep', cid, tree: false, check: true, urgent: false, holders: [] },
  { type: 'kept', cid, tree: true, check: false, state: 'coming', bytesHere: 5_000_000_000 },
  { type: 'readLog', id: 9, fence: 2 ** 40, offset: 2 ** 33, wait: true },
  { type: 'logPiece', id: 9, over: false, offset: 2 ** 33, bytes: new Uint8Array([27, 91, 0]) },
  { type: 'logPiece', id: 9, over: true, offset: 0, bytes: new Uint8Array(0) },
];

export const bulkMessages: BulkMessage[] = [
  { type: 'snapshot', cell, from: member, to: memberId(node, 'b'), term: 4, meta: { index: 100, term: 3, config }, sections: [3, 0, 2], offset: 0, bytes: new Uint8Array([1, 2, 3, 4, 5]) },
  { type: 'snapshotReply', cell, from: member, to: memberId(node, 'b'), index: 100, next: -1 },
];

export const beacons: Beacon[] = [
  { clusterName: 'skein', node, bootId: 'b', name: 'n', version: '1', sequence: 1, votes: true, capabilities, load: 0.1, receiveBytesPerSecond: 7, slotsUsed: 1.5, addresses: [], stopping: false, cell: null },
  { clusterName: 'skein', node, bootId: 'b', name: 'n', version: '1', sequence: 2, votes: false, capabilities, load: 0, receiveBytesPerSecond: 0, slotsUsed: 0, addresses: ['/ip4/1.2.3.4/tcp/1'], stopping: true, cell: { id: cell, createdAt: 1, established: true, term: 2, leader: '', leaderAddresses: [] } },
];
