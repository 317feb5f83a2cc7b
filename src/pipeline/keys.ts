/** The words of the format: those in force, those that a later version brings, and those of other tools. */

export const pipelineKeys = ['name', 'params', 'env', 'priority', 'max-parallel', 'barrier', 'modules', 'jobs', '$schema'] as const;
export const moduleKeys = [
  'name',
  'run',
  'uses',
  'call',
  'needs',
  'dependsOn',
  'requires',
  'timeout',
  'timeout-minutes',
  'retry',
  'effectful',
  'env',
  'duration',
  'priority',
  'mutex',
  'limit',
  'hedge',
  'cache',
  'checkpoint',
  'inputs',
  'outputs',
  'foreach',
  'fail-fast',
  'max-parallel',
] as const;
export const requiresKeys = ['cpu', 'memory', 'labels', 'tools', 'os', 'arch'] as const;
export const retryKeys = ['attempts', 'backoff', 'factor', 'jitter', 'cap'] as const;
export const limitKeys = ['key', 'max'] as const;
export const hedgeKeys = ['factor'] as const;
export const barrierWords = ['none', 'wave'] as const;
export const paramKeys = ['type', 'description', 'required', 'default', 'min', 'max', 'enum'] as const;
export const paramTypes = ['string', 'integer', 'number', 'boolean', 'file', 'files'] as const;
export const osNames = ['linux', 'darwin', 'win32'] as const;
export const archNames = ['x64', 'arm64', 'arm', 'ia32', 'loong64', 'mips', 'mipsel', 'ppc64', 'riscv64', 's390x'] as const;

/** Part of the format, not of this version: the message says so, since "unknown" would be wrong. */
export const laterPipelineKeys: readonly string[] = ['on', 'defaults', 'concurrency', 'secrets', 'retention', 'outputs', 'shell', 'working-directory', 'checkpoint', 'cache'];
export const laterModuleKeys: readonly string[] = [
  'if',
  'with',
  'prefer',
  'affinity',
  'volumes',
  'verify',
  'strategy',
  'concurrency',
  'continue-on-error',
  'shell',
  'working-directory',
  'defaults',
  'secrets',
];
export const laterRequiresKeys: readonly string[] = ['gpu', 'gpus', 'mount', 'disk'];
export const laterRetryKeys: readonly string[] = ['elsewhere'];
export const laterParamTypes: readonly string[] = ['secret'];

/** Words that people bring along from other tools, with what says the same here; for some that a later version brings, what does most of it now. */
export const foreignPipelineKeys: Readonly<Record<string, string>> = {
  concurrency: 'one at a time, over all runs, is `mutex: NAME` in a module; so many at a time `limit: { key: NAME, max: N }`',
  strategy: 'modules of one run at a time are limited by `max-parallel: N`',
  parallel: 'use `max-parallel`',
  permissions: 'modules run with the rights of the node; remove it',
  'run-name': 'use `name`',
  stages: 'order follows from `needs`',
  steps: 'each step becomes a module, or several commands in one `run`',
  tasks: 'use `modules`',
  services: 'start services outside of the pipeline',
  version: 'the format has no version key; remove it',
  workflow_dispatch: 'use `params`',
};
export const foreignModuleKeys: Readonly<Record<string, string>> = {
  concurrency: 'one at a time, over all runs, is `mutex: NAME`; so many at a time `limit: { key: NAME, max: N }`',
  barrier: 'it belongs to the pipeline',
  lock: 'use `mutex`',
  locks: 'use `mutex`',
  limits: 'use `limit`',
  semaphore: 'use `limit`',
  resource_group: 'use `mutex`',
  'runs-on': 'use `requires` with `os` or `labels`',
  steps: 'write the commands into one `run`, or make each step a module',
  container: 'start the container in `run`',
  image: 'start the container in `run`',
  services: 'start services in `run`',
  permissions: 'modules run with the rights of the node; remove it',
  script: 'use `run`',
  command: 'use `run`',
  cmd: 'use `run`',
  matrix: 'use `foreach` with a list; the TypeScript builder can make modules in a loop',
  depends_on: 'use `needs`',
  dependencies: 'use `needs`',
  retries: 'use `retry`',
  tags: 'use `requires` with `labels`',
};
