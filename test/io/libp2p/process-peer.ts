/** A transport in a process of its own; `stop` stops it, after which the process must end by itself. */
import { makeTransport, silence } from './support.ts';

const transport = await makeTransport({ mdns: true, bootstrap: ['127.0.0.1:1'], listen: { port: 0, fixed: true } });
transport.start(silence);
transport.setSeeking(true);
process.send!({ id: transport.self, bootId: transport.bootId, addresses: transport.addresses() });
process.once('message', () => {
  transport.stop();
  process.disconnect();
});
