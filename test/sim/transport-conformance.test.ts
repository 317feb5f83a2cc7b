/** The simulated transport keeps the same contract as the real one. */
import assert from 'node:assert/strict';
import { nodeId } from '../../src/core/lib/ids.ts';
import { Kernel, Process } from '../../sim/kernel.ts';
import { Network } from '../../sim/network.ts';
import { WIRED, type NetworkOptions } from '../../sim/network-options.ts';
import { Prng } from '../../sim/prng.ts';
import { transportConformance, type ConformanceNode, type ConformanceWorld } from '../conformance/transport.ts';

function world(options: NetworkOptions): ConformanceWorld {
  const kernel = new Kernel();
  const network = new Network(kernel, options, new Prng('conformance'));
  let boots = 0;
  const boot = (name: string): Promise<ConformanceNode> => {
    const id = nodeId(name);
    if (!network.hosts.some((host) => host.id === id)) network.addHost(id);
    const process = new Process(kernel, name);
    boots += 1;
    const transport = network.boot(id, process, `boot-${boots}`);
    const end = (how: 'process' | 'power'): Promise<void> => {
      process.kill();
      network.down(id, how);
      return Promise.resolve();
    };
    return Promise.resolve({ transport, crash: () => end('process'), loseContact: () => end('power') });
  };
  const until = (condition: () => boolean, what: string): Promise<void> => {
    for (let i = 0; i < 3000 && !condition(); i += 1) kernel.run(kernel.now + 10);
    assert.ok(condition(), what);
    return Promise.resolve();
  };
  const settle = (): Promise<void> => {
    kernel.run(kernel.now + 3000);
    return Promise.resolve();
  };
  return { boot, until, settle, close: () => Promise.resolve() };
}

const quiet: NetworkOptions = { ...WIRED, mdns: false };
transportConformance('simulated', () => Promise.resolve(world(quiet)));
transportConformance('simulated, slow and stalling', () => Promise.resolve(world({ ...quiet, delayMinMs: 5, delayJitterMs: 60, bytesPerMs: 1000, stallRate: 0.02, stallMeanMs: 300 })));
