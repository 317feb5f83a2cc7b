/** `run:` modules on real processes. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { SkeinError } from '../../../src/errors.ts';
import { bench, command, until } from './harness.ts';

test('a command gets its environment and gives values, tail and exit code', async (t) => {
  const { run } = bench(t);
  const script = `
    echo "out $GREETING" ; echo err >&2 ; echo again
    test "$CI" = true ; test "$SKEIN_RUN_ID" = r1-c0ffee ; test "$SKEIN_MODULE" = build ; test "$SKEIN_ATTEMPT" = 2
    test "$SKEIN_FENCE" = 424242 ; test "$SKEIN_NODE" = node-a ; test "$SKEIN_IDEMPOTENCY_KEY" = key-1
    test "$PWD" = "$SKEIN_WORK_DIR" ; test -d "$SKEIN_INPUT_DIR" ; test -d "$SKEIN_OUTPUT_DIR" ; test -f "$SKEIN_SUMMARY"
    echo "params=$(cat "$SKEIN_PARAMS_FILE")" >> "$SKEIN_OUTPUT"
    echo seven=7 >> "$SKEIN_OUTPUT"
    { echo 'notes<<EOF' ; echo one ; echo two ; echo EOF ; } >> "$SKEIN_OUTPUT"
    echo to-stderr > /dev/stderr`;
  const outcome = await run(command(script, { attempt: 2, fence: 424242, env: { GREETING: 'hi' }, params: { a: [1] }, spec: { env: { SKEIN_NODE: 'fake' } } }));
  assert.equal(outcome.error, null);
  assert.equal(outcome.tail, 'out hi\nerr\nagain\nto-stderr\n');
  assert.deepEqual(outcome.values, { params: '{"a":[1]}', seven: '7', notes: 'one\ntwo' });
  assert.equal(outcome.exitCode, 0);
  assert.ok(outcome.ok && outcome.durationMs >= 1 && Math.abs(outcome.startedAt - Date.now()) < 60_000);
});

test('options of the node are not handed to modules', async (t) => {
  process.env['SKEIN_KEY'] = 'secret';
  t.after(() => delete process.env['SKEIN_KEY']);
  const { run } = bench(t);
  const outcome = await run(command('echo "[${SKEIN_KEY-none}] [${NODE_TEST_CONTEXT-none}]"'));
  assert.equal(outcome.tail, '[none] [none]\n');
});

test('expressions in env are resolved by the function given; what it throws is the module error', async (t) => {
  const { run } = bench(t, {
    evaluate: (env, context) => {
      if (env['X'] === '${{ bad }}') throw new SkeinError('PARAM_INVALID', 'no such thing');
      return { ...env, X: JSON.stringify(context) };
    },
  });
  const good = await run(command('echo "$X"', { env: { X: '${{ params.p }}' }, params: { p: 1 }, needs: { m: { k: 'v' } } }));
  assert.deepEqual(JSON.parse(good.tail), { params: { p: 1 }, needs: { m: { outputs: { k: 'v' } } }, run: { id: 'r1-c0ffee', name: 'demo' } });
  const bad = await run(command('true', { env: { X: '${{ bad }}' } }));
  assert.deepEqual(bad.error, { code: 'PARAM_INVALID', message: 'no such thing' });
});

test('how a command failed is said in words', async (t) => {
  const { run } = bench(t);
  const failures: [string, string, RegExp, number | null][] = [
    ['exit 3', 'MODULE_EXIT', /^exit code 3$/, 3],
    ['false\necho not reached', 'MODULE_EXIT', /^exit code 1$/, 1],
    ['no-such-command-here', 'MODULE_EXIT', /127: command not found/, 127],
    ['kill -SEGV $$', 'MODULE_SIGNAL', /^ended by SIGSEGV$/, null],
    ['sh -c \'kill -KILL $$\'\ntrue', 'MODULE_EXIT', /137: a command was ended by SIGKILL/, 137],
    ['echo nonsense >> $SKEIN_OUTPUT', 'MODULE_OUTPUT', /line 1: "nonsense"/, 0],
    ['printf "big=%05000d\\n" 1 >> $SKEIN_OUTPUT', 'MODULE_OUTPUT', /value "big" takes 5002 bytes/, 0],
    ['rm $SKEIN_OUTPUT; ln -s /dev/zero $SKEIN_OUTPUT', 'MODULE_OUTPUT', /cannot be read/, 0],
    ['head -c 9000000 /dev/zero > $SKEIN_OUTPUT', 'MODULE_OUTPUT', /holds 9000000 bytes/, 0],
    ['echo "x<<E" >> $SKEIN_OUTPUT', 'MODULE_OUTPUT', /not ended by a line "E"/, 0],
  ];
  for (const [script, code, message, exitCode] of failures) {
    const outcome = await run(command(script));
    assert.equal(outcome.error?.code, code, script);
    assert.match(outcome.error?.message ?? '', message);
    assert.deepEqual([outcome.ok, outcome.exitCode, outcome.values], [false, exitCode, {}]);
    assert.ok(!outcome.tail.includes('not reached'));
  }
});

test('what cannot be started is an outcome with a reason', async (t) => {
  const { run, executor, workDir } = bench(t);
  const big = 'x'.repeat(120_000);
  const env = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`V${index}`, big]));
  const tooBig = await run(command('true', { env }));
  assert.equal(tooBig.error?.code, 'MODULE_SPAWN');
  assert.match(tooBig.error?.message ?? '', /E2BIG/);
  const zero = await run(command('true', { env: { X: 'a\u0000b' } }));
  assert.equal(zero.error?.code, 'MODULE_SPAWN');
  const long = await run(command(`: ${'y'.repeat(200_000)}\necho long`));
  assert.equal(long.tail, 'long\n');
  const twice = command('sleep 0.2');
  const [first, second] = await Promise.all([run(twice), run(twice)]);
  assert.deepEqual([first.ok, second.error?.code], [true, 'MODULE_SPAWN']);
  assert.deepEqual(executor.running(), []);
  const [folder] = readdirSync(workDir);
  assert.ok(await until(() => readdirSync(join(workDir, folder ?? '')).every((name) => name.startsWith('pipe'))), 'work folders are removed');
});

test('endless output is read on, and only its end is kept', async (t) => {
  const { run, executor } = bench(t);
  await run(command('true'));
  const outcome = await run(command('head -c 200000000 /dev/zero | tr "\\0" "z"; echo; echo the end'));
  assert.ok(outcome.ok);
  assert.match(outcome.tail, /^\[\d+ bytes cut\]\n/);
  assert.ok(outcome.tail.endsWith('\nthe end\n') && Buffer.byteLength(outcome.tail) <= 2048);
  if (process.platform === 'linux') {
    const memory = await run(command(`grep VmRSS /proc/${executor.supervisorPid}/status`));
    assert.ok(Number(/\d+/.exec(memory.tail)?.[0]) < 250_000, memory.tail);
  }
});

test('output that is no text does no harm', async (t) => {
  const { run } = bench(t);
  const outcome = await run(command('head -c 100000 /dev/urandom; printf "\\000\\033[2J\\377"'));
  assert.ok(outcome.ok && outcome.tail.isWellFormed() && Buffer.byteLength(outcome.tail) <= 2048);
});

test('a timeout ends the command, and its whole group has the grace time to tidy up', async (t) => {
  const { run } = bench(t, { graceMs: 3_000 });
  const outcome = await run(command('sh -c \'trap "echo tidied; exit 0" TERM; sleep 60 & wait\'; echo not reached', { spec: { timeoutMs: 300 } }));
  assert.deepEqual(outcome.error, { code: 'MODULE_TIMEOUT', message: 'ran longer than its timeout of 0.3 s' });
  assert.equal(outcome.tail, 'tidied\n');
  assert.ok(outcome.durationMs >= 290 && outcome.durationMs < 2_000, `${outcome.durationMs} ms`);
});

test('what ignores SIGTERM is killed after the grace time; "now" does not wait for it', async (t) => {
  const { run, executor } = bench(t, { graceMs: 300 });
  const stubborn = 'trap "" TERM; while true; do sleep 0.05; done';
  const slow = command(stubborn);
  const slowly = run(slow);
  await run(command('sleep 0.1'));
  const from = performance.now();
  executor.cancel(slow.fence, 'grace', 'MODULE_CANCELLED');
  assert.equal((await slowly).error?.code, 'MODULE_CANCELLED');
  const tookMs = performance.now() - from;
  assert.ok(tookMs >= 290 && tookMs < 3_000, `${tookMs} ms`);

  const fast = command(stubborn, { spec: { effectful: true } });
  const quickly = run(fast);
  await run(command('sleep 0.1'));
  executor.cancel(fast.fence, 'now', 'MODULE_FENCED');
  executor.cancel(fast.fence, 'grace', 'MODULE_CANCELLED');
  executor.cancel(12345678, 'now', 'MODULE_CANCELLED');
  assert.equal((await quickly).error?.code, 'MODULE_FENCED');
  assert.deepEqual(executor.running(), []);
});

test('200 at once', async (t) => {
  const { run } = bench(t);
  const outcomes = await Promise.all(Array.from({ length: 200 }, (_, index) => run(command(`sleep 0.2; echo n=${index} >> $SKEIN_OUTPUT`))));
  assert.deepEqual(outcomes.map((outcome) => outcome.values['n']), Array.from({ length: 200 }, (_, index) => String(index)));
});

test('stop ends what runs, once, and can be called again', async (t) => {
  const { run, executor, workDir } = bench(t);
  const running = run(command('sleep 60'));
  await run(command('true'));
  await new Promise<void>((resolve) => executor.stop(resolve));
  assert.equal((await running).error?.code, 'NODE_STOPPING');
  await new Promise<void>((resolve) => executor.stop(resolve));
  assert.equal((await run(command('true'))).error?.code, 'NODE_STOPPING');
  assert.deepEqual(existsSync(workDir) ? readdirSync(workDir) : [], []);
});
