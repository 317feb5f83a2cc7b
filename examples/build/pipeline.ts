/**
 * Builds a C program, a small interpreter, over machines that share nothing: each source file is a module that any node
 * with gcc may compile, the objects are linked at the end. A module that builds the same alone, one file after the other,
 * shows that nothing depends on where things were made: both binaries are the same, byte for byte.
 *
 *     skein run examples/build
 *     skein runs download RUN --out built && built/test/program/lisp < examples/build/primes.lisp
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { defineModule, definePipeline, type ModuleDefinition } from 'skein';

/** Without the folders of each execution in what gcc writes, and without what it would make up. */
const COMPILE = 'gcc -std=c99 -Wall -O2 -ffile-prefix-map="$SOURCES"=.';
const LINK = 'gcc -Wl,--build-id=none -o lisp';

const units = readdirSync(path.join(import.meta.dirname, 'src'))
  .filter((name) => name.endsWith('.c'))
  .map((name) => path.basename(name, '.c'))
  .toSorted();

const common = { requires: { tools: { gcc: '>=4.9' } }, timeout: '5m', retry: 2 } as const;

function compile(unit: string): ModuleDefinition {
  return defineModule({
    ...common,
    inputs: { SOURCES: '${{ params.sources }}' },
    run: `${COMPILE} -frandom-seed=${unit} -c "$SOURCES/${unit}.c" -o ${unit}.o`,
    outputs: { object: `${unit}.o` },
    // Built again from the same sources, nothing is compiled.
    cache: true,
  });
}

export default definePipeline({
  name: 'build',
  params: {
    sources: { type: 'files', default: 'src', description: 'Folder with the sources' },
    program: { type: 'file', default: 'primes.lisp', description: 'What the interpreter is tried on' },
  },
  modules: {
    ...Object.fromEntries(units.map((unit) => [`compile-${unit}`, compile(unit)])),
    link: defineModule({
      ...common,
      needs: units.map((unit) => `compile-${unit}`),
      inputs: Object.fromEntries(units.map((unit) => [`OBJECT_${unit}`, `\${{ needs['compile-${unit}'].outputs.object }}`])),
      run: `${LINK} ${units.map((unit) => `"$OBJECT_${unit}"`).join(' ')}`,
      outputs: { program: 'lisp' },
    }),
    serial: defineModule({
      ...common,
      inputs: { SOURCES: '${{ params.sources }}' },
      run: [...units.map((unit) => `${COMPILE} -frandom-seed=${unit} -c "$SOURCES/${unit}.c" -o ${unit}.o || exit 1`), `${LINK} ${units.map((unit) => `${unit}.o`).join(' ')}`].join('\n'),
      outputs: { program: 'lisp' },
    }),
    test: defineModule({
      needs: ['link', 'serial'],
      inputs: { LINKED: '${{ needs.link.outputs.program }}', SERIAL: '${{ needs.serial.outputs.program }}', PROGRAM: '${{ params.program }}' },
      run: `
        cmp "$LINKED" "$SERIAL" || { echo 'the two builds differ'; exit 1; }
        "$LINKED" < "$PROGRAM" > answer || exit 1
        cat answer
        cp "$LINKED" lisp
        echo "sha256=$(sha256sum < lisp | cut -d ' ' -f 1)" >> "$SKEIN_OUTPUT"`,
      outputs: { program: 'lisp', answer: 'answer' },
    }),
  },
});
