/** A run's modules and needs as a picture: Mermaid and Graphviz text, JSON for programs, indented text for terminals. */
import { unreachable } from '../core/lib/assert.ts';
import type { ModuleSpec, RunSpec } from '../core/cell/types.ts';
import { planWaves } from '../core/plan/waves.ts';

export type GraphFormat = 'mermaid' | 'dot' | 'json' | 'text';

type Graph = Pick<RunSpec, 'name' | 'modules'>;

/** Ends without a newline. */
export function formatGraph(spec: Graph, format: GraphFormat): string {
  switch (format) {
    case 'mermaid':
      return mermaid(spec);
    case 'dot':
      return dot(spec);
    case 'json':
      return json(spec);
    case 'text':
      return text(spec);
    default:
      return unreachable(format);
  }
}

/** Nodes get their position as id, since names hold characters that Mermaid reads as syntax. */
function mermaid({ modules }: Graph): string {
  const nodes = modules.map(({ name, effectful }, position) => `  m${position}${effectful ? '{{' : '['}"${escapeHtml(name)}"${effectful ? '}}' : ']'}`);
  const edges = modules.flatMap(({ needs }, position) => needs.map((need) => `  m${need} --> m${position}`));
  return ['flowchart TD', ...nodes, ...edges].join('\n');
}

function escapeHtml(name: string): string {
  return name.replaceAll('&', '#amp;').replaceAll('"', '#quot;').replaceAll('<', '#lt;').replaceAll('@', '#64;');
}

function dot({ name, modules }: Graph): string {
  const quoted = (value: string): string => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  const nodes = modules.map((module) => `  ${quoted(module.name)}${module.effectful ? ' [shape=hexagon]' : ''};`);
  const edges = modules.flatMap((module) => needNames(modules, module).map((need) => `  ${quoted(need)} -> ${quoted(module.name)};`));
  return [`digraph ${quoted(name)} {`, '  rankdir=TB;', '  node [shape=box];', ...nodes, ...edges, '}'].join('\n');
}

function json({ name, modules }: Graph): string {
  const waves = waveNumbers(modules);
  const nodes = modules.map((module, position) => ({
    name: module.name,
    wave: waves[position] ?? 0,
    action: module.action.type,
    needs: needNames(modules, module),
    durationMs: module.durationMs,
    effectful: module.effectful,
  }));
  return JSON.stringify({ name, modules: nodes }, null, 2);
}

/** One line a module in the order of waves, indented by its wave, with what it waits for. */
function text({ name, modules }: Graph): string {
  const lines = planWaves(modules).flatMap((wave, level) =>
    wave.map((position) => {
      const module = modules[position];
      if (module === undefined) return '';
      const needs = needNames(modules, module);
      return `${'  '.repeat(level + 1)}${module.name}${needs.length === 0 ? '' : `  ← ${needs.join(', ')}`}`;
    }),
  );
  return [name, ...lines].join('\n');
}

/** From 1, by module position. */
function waveNumbers(modules: readonly ModuleSpec[]): number[] {
  const numbers: number[] = [];
  planWaves(modules).forEach((wave, index) => wave.forEach((position) => (numbers[position] = index + 1)));
  return numbers;
}

function needNames(modules: readonly ModuleSpec[], { needs }: ModuleSpec): string[] {
  return needs.map((need) => modules[need]?.name ?? `#${need}`);
}
