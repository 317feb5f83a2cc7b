/** Core and runtime never log or count: they tell the observer, and src/io/metrics makes lines and figures of it. */
export interface Observer {
  notify(note: Note): void;
}

export type NoteLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Note {
  readonly level: NoteLevel;
  /** Stable kebab-case name of the kind of event, e.g. `leader-elected`, `frame-dropped`. */
  readonly event: string;
  /** One sentence for people. */
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
}
