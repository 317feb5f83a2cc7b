/**
 * Trains a classifier on data that it makes: the data is cut into shards, each shard is trained on a node of its own, the
 * weights are averaged after each round, and the last ones are tried on data that no shard has seen.
 *
 *     skein run examples/train -p rounds=3 -p shards=4
 *     skein runs download RUN --out trained && cat trained/evaluate/report/report.json
 *
 * Every number follows from `seed`: the accuracy is the same on one machine and on many, whoever dies meanwhile.
 */
import { defineModule, definePipeline, type ModuleDefinition } from 'skein';

export default definePipeline({
  name: 'train',
  params: {
    seed: { type: 'integer', default: 1, min: 0 },
    samples: { type: 'integer', default: 4000, min: 100, max: 1_000_000, description: 'Rows of data; a fifth of them is for the evaluation' },
    shards: { type: 'integer', default: 4, min: 1, max: 64 },
    rounds: { type: 'integer', default: 3, min: 1, max: 50 },
    epochs: { type: 'integer', default: 3, min: 1, max: 1000, description: 'Passes over a shard in each round' },
    label: { default: '', description: 'Nodes that may train, such as gpu; any if left out' },
  },
  modules: ({ shards, rounds, label }) => {
    const numbers = Array.from({ length: shards }, (_, index) => index + 1);
    const modules: Record<string, ModuleDefinition> = {
      preprocess: defineModule({ uses: './train.ts#preprocess', outputs: { shards: 'shard-*.bin', test: 'test.bin' } }),
    };
    let weights: string | undefined;
    for (let round = 1; round <= rounds; round++) {
      const names = numbers.map((shard) => `train-${round}-${shard}`);
      for (const [index, name] of names.entries()) {
        modules[name] = defineModule({
          uses: './train.ts#trainShard',
          needs: ['preprocess', ...(weights === undefined ? [] : [weights])],
          env: { SHARD: index + 1, ROUND: round },
          inputs: { SHARDS: '${{ needs.preprocess.outputs.shards }}', ...(weights === undefined ? {} : { WEIGHTS: `\${{ needs['${weights}'].outputs.weights }}` }) },
          outputs: { weights: 'weights.json' },
          checkpoint: 'progress every 2s',
          ...(label === '' ? {} : { requires: { labels: label } }),
          retry: 2,
        });
      }
      const average = `average-${round}`;
      modules[average] = defineModule({
        uses: './train.ts#average',
        needs: names,
        inputs: Object.fromEntries(names.map((name, index) => [`WEIGHTS_${index + 1}`, `\${{ needs['${name}'].outputs.weights }}`])),
        outputs: { weights: 'weights.json' },
      });
      weights = average;
    }
    modules['evaluate'] = defineModule({
      uses: './train.ts#evaluate',
      needs: ['preprocess', `average-${rounds}`],
      inputs: { TEST: '${{ needs.preprocess.outputs.test }}', WEIGHTS: `\${{ needs['average-${rounds}'].outputs.weights }}` },
      outputs: { report: 'report.json', model: 'model.json' },
    });
    return modules;
  },
});
