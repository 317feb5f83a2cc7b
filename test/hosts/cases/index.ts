/** All cases, in the order in which they are played. */
import type { HostCase } from '../support/world.ts';
import { effectCases } from './effects.ts';
import { exampleCases } from './examples.ts';
import { machineCases } from './machines.ts';
import { networkCases } from './network.ts';
import { placeCases } from './places.ts';

export const cases: readonly HostCase[] = [...networkCases, ...effectCases, ...placeCases, ...machineCases, ...exampleCases];
