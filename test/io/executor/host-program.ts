/**
 * A node in small, for tests that kill or stop it: an executor with the modules named on the command line. SIGUSR2 sets
 * the fence deadline.
 */
import { createExecutor } from '../../../src/io/executor/executor.ts';
import { bundled, command, realClock } from './harness.ts';

const [workDir = '', deadlineMs = '0', ...scripts] = process.argv.slice(2);
const executor = createExecutor({ workDir, nodeName: 'node-a', nodeId: 'peer-a', clock: realClock, observer: { notify: () => {} } });
await executor.warmUp();
process.on('SIGUSR2', () => {
  executor.setFenceDeadline(performance.now() + Number(deadlineMs));
  setImmediate(() => process.stdout.write('{}\n'));
});
for (const script of scripts) {
  const kind = script.slice(0, script.indexOf(':'));
  const text = script.slice(kind.length + 1);
  const options = { spec: { effectful: kind.startsWith('effectful') } };
  executor.start(kind.endsWith('-bundle') ? bundled(text, 'run', options) : command(text, options), (outcome) => {
    process.stdout.write(`${JSON.stringify({ script, outcome, supervisor: executor.supervisorPid })}\n`);
  });
}
process.stdout.write(`${JSON.stringify({ supervisor: executor.supervisorPid })}\n`);
setInterval(() => {}, 1000);
