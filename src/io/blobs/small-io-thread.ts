/** The thread on which many small files are read and written: one answer for each job, in order. */
import { parentPort } from 'node:worker_threads';
import { doSmallJob, type SmallJob } from './small-io.ts';

parentPort!.on('message', (job: SmallJob) => {
  const result = doSmallJob(job);
  parentPort!.postMessage(result, result.bytes.byteLength > 0 ? [result.bytes.buffer as ArrayBuffer] : []);
});
