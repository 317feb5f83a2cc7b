/**
 * Files of commands with their recorded output, in the manner of cockroachdb/datadriven:
 *
 *   # comment
 *   command arg key=value key=(v1,v2)
 *   ----
 *   output up to the next empty line
 */
export interface Directive {
  readonly line: number;
  /** Comments and empty lines before it, to write the file again. */
  readonly before: readonly string[];
  readonly input: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Values of `key=value` and `key=(a,b)`. */
  readonly options: ReadonlyMap<string, readonly string[]>;
  readonly output: string;
}

export interface Script {
  readonly directives: readonly Directive[];
  readonly after: readonly string[];
}

export function parseScript(text: string): Script {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const directives: Directive[] = [];
  let before: string[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const input = lines[at]!.trim();
    if (input === '' || input.startsWith('#')) {
      before.push(lines[at]!);
      continue;
    }
    const line = at + 1;
    const output: string[] = [];
    if (lines[at + 1] !== '----') throw new Error(`line ${line}: no ---- after "${input}"`);
    at += 2;
    while (at < lines.length && lines[at] !== '') output.push(lines[at++]!);
    at -= 1;
    directives.push({ line, before, input, output: output.join('\n'), ...parseCommand(input) });
    before = [];
  }
  return { directives, after: before };
}

function parseCommand(input: string): Pick<Directive, 'command' | 'args' | 'options'> {
  const [command = '', ...words] = input.replaceAll(/\(([^)]*)\)/g, (_all, inner: string) => inner.replaceAll(/\s/g, '')).split(/\s+/);
  const args: string[] = [];
  const options = new Map<string, readonly string[]>();
  for (const word of words) {
    const equals = word.indexOf('=');
    if (equals === -1) args.push(word);
    else options.set(word.slice(0, equals), word.slice(equals + 1) === '' ? [] : word.slice(equals + 1).split(','));
  }
  return { command, args, options };
}

export function formatScript(script: Script, outputs: readonly string[]): string {
  const lines = script.directives.flatMap((directive, position) => [...directive.before, directive.input, '----', ...(outputs[position] === '' ? [] : [outputs[position]!])]);
  return `${[...lines, ...script.after].join('\n')}\n`;
}
