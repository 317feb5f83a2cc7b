/** What only another process can show: SIGKILL, SIGSTOP. */
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import type { NodeId } from '../../../src/core/lib/ids.ts';
import type { RedialOutcome } from '../../../src/ports/transport.ts';
import { makeTransport, silence, stopAll, until } from './support.ts';

interface Remote {
  readonly child: ChildProcess;
  readonly id: NodeId;
  readonly bootId: string;
  readonly addresses: string[];
}

async function remote(t: TestContext): Promise<Remote> {
  const child = fork(new URL('process-peer.ts', import.meta.url));
  t.after(() => child.kill('SIGKILL'));
  const [hello] = (await once(child, 'message')) as [Omit<Remote, 'child'>];
  return { child, ...hello };
}

test('a peer killed with SIGKILL is down at once, and redial finds its port closed at once', async (t) => {
  const peer = await remote(t);
  const transport = await makeTransport();
  t.after(() => stopAll([transport]));
  let downMs = 0;
  let refusedMs = 0;
  let outcome: RedialOutcome | undefined;
  transport.start({
    ...silence,
    peerDown: () => {
      downMs = performance.now();
      transport.redial(peer.id, peer.bootId, (answer) => {
        refusedMs = performance.now();
        outcome = answer;
      });
    },
  });
  transport.learn(peer.id, peer.addresses);
  await until(() => transport.isConnected(peer.id), 'connected');
  const exited = once(peer.child, 'exit');
  const killedMs = performance.now();
  peer.child.kill('SIGKILL');
  await until(() => outcome !== undefined, 'redial answers');
  await exited;
  assert.equal(outcome, 'refused');
  t.diagnostic(`down after ${(downMs - killedMs).toFixed(1)} ms, refused ${(refusedMs - downMs).toFixed(1)} ms later`);
});

test('a stopped peer stays connected, redial calls it unreachable, and after SIGCONT it is well again', async (t) => {
  const peer = await remote(t);
  const transport = await makeTransport();
  t.after(() => stopAll([transport]));
  transport.start(silence);
  transport.learn(peer.id, peer.addresses);
  await until(() => transport.isConnected(peer.id), 'connected');
  const redial = async (): Promise<RedialOutcome> => {
    const answer = Promise.withResolvers<RedialOutcome>();
    transport.redial(peer.id, peer.bootId, answer.resolve);
    return await answer.promise;
  };
  peer.child.kill('SIGSTOP');
  assert.equal(await redial(), 'unreachable');
  assert.ok(transport.isConnected(peer.id));
  peer.child.kill('SIGCONT');
  assert.equal(await redial(), 'connected');
});

test('a process whose transport stopped ends by itself', async (t) => {
  const peer = await remote(t);
  const exited = once(peer.child, 'exit');
  peer.child.send('stop');
  assert.deepEqual(await exited, [0, null]);
});
