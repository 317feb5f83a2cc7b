/** libp2p's own log lines as debug notes. Switched off, a call costs one empty function. */
import { format } from 'node:util';
import type { ComponentLogger, Logger } from '@libp2p/interface';
import type { Observer } from '../../ports/observer.ts';

const LINE_LENGTH_MAX = 1000;

export function libp2pLogger(observer: Observer | undefined): ComponentLogger {
  if (observer === undefined) return { forComponent: () => silent };
  return { forComponent: (name) => logger(observer, name) };
}

function logger(observer: Observer, component: string): Logger {
  const line = (formatter: unknown, ...args: unknown[]): void => {
    // libp2p's formatters (%p peer, %a address, %e error …) all print well as strings.
    const text = format(typeof formatter === 'string' ? formatter.replaceAll(/%[a-np-zA-Z]/g, '%s') : formatter, ...args.map(shown));
    observer.notify({ level: 'debug', event: 'libp2p', message: `${component} ${text}`.slice(0, LINE_LENGTH_MAX) });
  };
  return Object.assign(line, {
    enabled: true,
    error: line,
    trace: nothing,
    newScope: (name: string) => logger(observer, `${component}:${name}`),
  });
}

function shown(value: unknown): unknown {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  const { toString } = Object(value) as { readonly toString: () => string };
  // Peer ids, addresses and CIDs print themselves; plain objects and lists are left to `format`.
  return typeof value === 'object' && toString !== Object.prototype.toString && toString !== Array.prototype.toString ? toString.call(value) : value;
}

function nothing(): void {}

const silent: Logger = Object.assign(nothing.bind(undefined), { enabled: false, error: nothing, trace: nothing, newScope: (): Logger => silent });
