/**
 * Test-only switches of the runtime: each breaks one promise in the way its sentence says, and the simulator must notice
 * (`npm run sim:mutants`). Absent in production, where each costs one comparison on a path that is about to do much more.
 */
export const runtimeMutants = [
  { name: 'ack-before-commit', rule: 'fsync, client', breaks: 'A client is told that its run is recorded when the entry is appended, not when it is committed and applied.' },
  { name: 'assign-before-commit', rule: '§6 plan on append', breaks: 'A claim is sent to its node when it is appended, under the fence that it will have.' },
  { name: 'no-self-fence', rule: '§4 supervisor', breaks: 'The supervisor is never given a deadline: a worker that nobody hears goes on with effectful modules.' },
  { name: 'late-start', rule: '§4 supervisor', breaks: 'An effectful module is begun although the fence deadline has passed.' },
  { name: 'session-never-expires', rule: '§4 sessions', breaks: 'The leader never gives up a session: what a dead node held waits for ever.' },
  { name: 'session-expires-early', rule: '§4 sessions', breaks: 'The leader gives up a session before its worker has fenced itself.' },
  { name: 'disk-watchdog-off', rule: '§4 disk watchdog', breaks: 'Nobody looks how long the oldest write has been under way: a leader whose disk hangs stays leader.' },
  { name: 'code-not-awaited', rule: '§6 files', breaks: 'A function is begun although the blob that its code is has not arrived.' },
  { name: 'reads-go-back', rule: 'S23', breaks: 'A read that may be behind is answered from whatever copy is at hand, also one from before what this node has shown already.' },
] as const;

export type RuntimeMutant = (typeof runtimeMutants)[number]['name'];
