/** Which claims the slow model grants, and what it looks at for that. */
import type { RunSpec } from '../../../src/core/cell/types.ts';
import { fits, isTemplate, type OracleModule, type OracleSession, type PastClaim } from './oracle-module.ts';

export abstract class OracleGrants {
  readonly runs = new Map<number, OracleModule[]>();
  protected readonly sessions = new Map<number, OracleSession>();
  protected readonly drained = new Set<string>();
  protected readonly specs = new Map<number, RunSpec>();
  protected readonly pausedRuns = new Set<number>();
  protected queuePaused = false;
  /** Modules of runs that were retired: some may still have to stop. */
  protected readonly forgotten: OracleModule[] = [];

  module(run: number, module: number): OracleModule | undefined {
    return this.runs.get(run)?.[module];
  }

  parentsDone(run: number, module: OracleModule): boolean {
    return module.spec.needs.every((need) => this.runs.get(run)![need]!.final === 'succeeded');
  }

  /** Longest way from a module without needs. */
  protected depth(run: number, module: OracleModule): number {
    return Math.max(0, ...module.spec.needs.map((need) => 1 + this.depth(run, this.runs.get(run)![need]!)));
  }

  /** With a barrier: every module that is less deep has ended. */
  protected waveBegan(run: number, module: OracleModule): boolean {
    if (this.specs.get(run)!.policy?.barrier !== 'wave') return true;
    const depth = this.depth(run, module);
    return this.runs.get(run)!.every((other) => other.final !== '' || this.depth(run, other) >= depth);
  }

  protected holders(key: string): number {
    const claims = [...this.runs.values(), this.forgotten].flat().filter(({ spec }) => spec.policy?.limits.some((limit) => limit.key === key) === true);
    return claims.flatMap((module) => module.claims.filter((claim) => claim.session !== 0 || claim.ending !== 0)).length;
  }

  protected itemsHaveRoom({ of }: OracleModule): boolean {
    const max = of?.spec.foreach?.parallelMax ?? 0;
    return max === 0 || of!.items!.flatMap((item) => this.lives(item)).length < max;
  }

  protected limitsHaveRoom({ spec }: OracleModule): boolean {
    return (spec.policy?.limits ?? []).every(({ key, max }) => this.holders(key) < max);
  }

  protected admitted(run: number, module: OracleModule): boolean {
    if (this.queuePaused || this.pausedRuns.has(run)) return false;
    const parallelMax = this.specs.get(run)!.policy?.parallelMax ?? 0;
    const running = this.runs.get(run)!.flatMap((other) => this.lives(other)).length;
    return (parallelMax === 0 || running < parallelMax) && this.limitsHaveRoom(module) && this.itemsHaveRoom(module);
  }

  /** Effectful, or with limits: its executions must not overlap. */
  protected exclusive({ spec }: OracleModule): boolean {
    return spec.effectful || (spec.policy?.limits ?? []).length > 0;
  }

  lives(module: OracleModule): PastClaim[] {
    return module.claims.filter((claim) => claim.session !== 0);
  }

  live(module: OracleModule): PastClaim | undefined {
    return module.current?.session === 0 ? undefined : module.current;
  }

  /** The other one of two copies. */
  copy(module: OracleModule): PastClaim | undefined {
    return this.lives(module).find((claim) => claim !== module.current);
  }

  protected isCopy(module: OracleModule, claim: PastClaim): boolean {
    return claim.session !== 0 && this.lives(module).length === 2;
  }

  protected used(session: number): { cpu: number; memory: number } {
    const held = [...this.runs.values()].flat().flatMap((module) => module.claims.filter((claim) => claim.session === session).map(() => module));
    return {
      cpu: held.reduce((sum, module) => sum + module.spec.requires.cpu, 0),
      memory: held.reduce((sum, module) => sum + module.spec.requires.memory, 0),
    };
  }

  /** Whether a claim is granted. `waitsUntil` is the module's retry time, which the oracle does not compute. */
  grants(run: number, index: number, sessionId: number, waitsUntil: number, now: number): boolean {
    const module = this.module(run, index);
    const session = this.sessions.get(sessionId);
    if (module === undefined || session === undefined || isTemplate(module)) return false;
    if (module.final !== '' || this.live(module) !== undefined || !this.parentsDone(run, module) || waitsUntil > now) return false;
    if (!this.waveBegan(run, module) || !this.admitted(run, module)) return false;
    return this.hasRoom(module, sessionId, session);
  }

  /** Whether a second copy is granted. */
  grantsCopy(run: number, index: number, sessionId: number): boolean {
    const module = this.module(run, index);
    const session = this.sessions.get(sessionId);
    if (module === undefined || session === undefined || this.lives(module).length !== 1 || module.hedged) return false;
    if (this.exclusive(module) || !((module.spec.policy?.hedgeFactor ?? 0) > 0)) return false;
    return module.current!.node !== session.node && this.admitted(run, module) && this.hasRoom(module, sessionId, session);
  }

  protected hasRoom(module: OracleModule, sessionId: number, session: OracleSession): boolean {
    if (this.drained.has(session.node) || !fits(module.spec, session.capabilities)) return false;
    const { cpu, memory } = this.used(sessionId);
    if (cpu + module.spec.requires.cpu > session.capabilities.slots) return false;
    return module.spec.requires.memory === 0 || memory + module.spec.requires.memory <= session.capabilities.memory;
  }
}
