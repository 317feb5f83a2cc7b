/** The private folder of a function with files: inputs are put there before it starts, outputs are taken from it after it has returned. */
import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import type { OutputSpec } from '../../core/cell/types.ts';
import { placeInputs, type Placement } from './place-inputs.ts';
import { takeOutputs } from './take-outputs.ts';
import { checkpointsOf, type Checkpoints, type CheckpointTools } from './checkpoints.ts';
import type { CallHead, CallPlace, PlacedInput, TakenFile } from './messages.ts';
import { commandFolder, makeWorkFolder, removeWorkFolder } from './work-folder.ts';

export class CallFiles {
  readonly #folder: string;
  readonly #taken: string;
  readonly #inputs: readonly PlacedInput[];
  readonly #outputs: readonly OutputSpec[];
  readonly #checkpointsIn: (work: string) => Checkpoints | undefined;
  #checkpoints: Checkpoints | undefined;
  readonly #over = new AbortController();
  #work = '';
  #placement: Placement | undefined;
  /** While files are put there or taken away the folder stays. */
  #busy = false;

  constructor(id: number, { inputs, outputs, checkpoint }: CallHead, tools: CheckpointTools) {
    this.#folder = commandFolder(tools.folder, id);
    this.#taken = join(tools.folder, `t${id}`);
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.#checkpointsIn = (work) => checkpointsOf(checkpoint, id, work, tools);
  }

  get hasOutputs(): boolean {
    return this.#outputs.length > 0;
  }

  /** Throws file-system errors, SkeinError MODULE_INPUT. */
  place(): Promise<CallPlace> {
    return this.#during(async () => {
      const folder = makeWorkFolder(this.#folder, '{}');
      this.#work = folder.work;
      this.#placement = await placeInputs(folder.inputs, this.#inputs, this.#over.signal);
      this.#checkpoints = this.#checkpointsIn(folder.work);
      await this.#checkpoints?.start(this.#over.signal);
      return { workDir: folder.work, inputs: this.#placement.variables, checkpointDir: this.#checkpoints?.folder ?? '' };
    });
  }

  /** @returns a file of the store that the function wrote to; '' when there is none. */
  changed(): string {
    return this.#placement?.changed() ?? '';
  }

  /** Throws OutputProblem, file-system errors; then nothing is left of what was taken. */
  take(): Promise<readonly TakenFile[]> {
    return this.#during(async () => {
      try {
        return await takeOutputs(this.#work, this.#outputs, this.#taken);
      } catch (error) {
        await rm(this.#taken, { recursive: true, force: true }).catch(() => undefined);
        throw error;
      }
    });
  }

  /** The execution has ended. */
  end(): void {
    this.#over.abort();
    this.#checkpoints?.stop();
    if (!this.#busy) removeWorkFolder(this.#folder);
  }

  async #during<T>(work: () => Promise<T>): Promise<T> {
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
      if (this.#over.signal.aborted) removeWorkFolder(this.#folder);
    }
  }
}
