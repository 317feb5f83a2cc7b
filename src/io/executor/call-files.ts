/** The private folder of a function with files: inputs are put there before it starts, outputs are taken from it after it has returned. */
import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import type { OutputSpec } from '../../core/cell/types.ts';
import { placeInputs, type Placement } from './place-inputs.ts';
import { takeOutputs } from './take-outputs.ts';
import type { CallPlace, PlacedInput, TakenFile } from './messages.ts';
import { makeWorkFolder, removeWorkFolder } from './work-folder.ts';

export class CallFiles {
  readonly #folder: string;
  readonly #taken: string;
  readonly #inputs: readonly PlacedInput[];
  readonly #outputs: readonly OutputSpec[];
  readonly #over = new AbortController();
  #work = '';
  #placement: Placement | undefined;
  /** While files are put there or taken away the folder stays. */
  #busy = false;

  /** @param folder of the supervisor. */
  constructor(folder: string, id: number, inputs: readonly PlacedInput[], outputs: readonly OutputSpec[]) {
    this.#folder = join(folder, `x${id}`);
    this.#taken = join(folder, `t${id}`);
    this.#inputs = inputs;
    this.#outputs = outputs;
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
      return { workDir: folder.work, inputs: this.#placement.variables };
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
