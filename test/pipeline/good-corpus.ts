/** Pipelines that are right, each using other parts of the format. */
export const goodCorpus: Readonly<Record<string, string>> = {
  smallest: 'modules: { a: { run: "true" } }',
  everything: `
# yaml-language-server: $schema=./pipeline.schema.json
$schema: ./pipeline.schema.json
name: everything at once
params:
  src: { description: a folder }
  crf: { type: integer, default: 23, min: 0, max: 51 }
  ratio: { type: number, default: 1.5 }
  fast: { type: boolean, default: false }
  tier: { enum: [low, high], default: low }
  note: { required: false }
priority: 8
max-parallel: 4
barrier: wave
env: { LC_ALL: C, VERSION: 1.10, FLAG: yes, EMPTY: , TITLE: "\${{ params.src }}-\${{ env.VERSION }}" }
modules:
  fetch/source:
    run: |
      curl "\${{ params.src }}" > in
      echo size=3 >> "$SKEIN_OUTPUT"
    requires: { cpu: 0.5, memory: 512MiB, labels: [ssd, zone=a], tools: { curl: ">=7 <9", git: }, os: [linux, darwin], arch: x64 }
    timeout: 90s
    retry: { attempts: 3, backoff: 500ms, factor: 1.5, jitter: false, cap: 1m }
    duration: 2.5s
    priority: 10
    hedge: { factor: 1.5 }
    outputs: { source: in, logs: "logs/**/*.txt" }
  encode:
    needs: fetch/source
    uses: ./encode.ts#encode
    env: { SIZE: "\${{ needs['fetch/source'].outputs.size }}" }
    retry: 2
    timeout: 0
    mutex: nas
    limit: { key: licences, max: 20 }
  publish:
    dependsOn: [encode, fetch/source]
    call: publish.toShop
    timeout-minutes: 5
    effectful: true
    requires: { tools: [docker], labels: gpu }
    mutex: [shop, "the till"]
    limit: [{ key: a, max: 2 }, { key: b, max: 3 }]
    hedge: false
  notify:
    needs: [publish]
    uses: fn:notify
    hedge: true
  check:
    needs: fetch/source
    inputs: { SRC: "\${{ needs['fetch/source'].outputs.source }}", LOGS: "\${{needs['fetch/source'].outputs['logs']}}" }
    run: cmp "$SRC" "$LOGS/a.txt"
`,
  jobs: 'jobs: { a: { run: a }, b: { run: b, needs: [a] } }',
  list: 'name: listed\nmodules:\n  - name: "10"\n    run: a\n  - { name: "9", run: b, needs: ["10"] }\n',
  anchors: 'modules:\n  a: &base { run: a, timeout: 5m }\n  b: *base\n  c: { <<: *base, needs: [a] }\n',
  json: '{\n\t"name": "tabs",\n\t"modules": {"a": {"run": "echo \\u2713 \\"x\\""}}\n}',
};
