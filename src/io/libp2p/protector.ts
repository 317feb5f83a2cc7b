/**
 * libp2p's private network (@libp2p/pnet) with its cipher kept within bounds. `xsalsa20` 1.2.0 shares one WebAssembly
 * memory of 640 KiB between all connections of a process, and growing it is fatal: every growth detaches the views of
 * the other ciphers, which makes each of them grow it again, until the limit of 64 MiB throws out of a socket event and
 * ends the process. It must grow when a chunk is larger than what is left, and what is left shrinks by 128 bytes with
 * each connection ever made, since @libp2p/pnet never gives a cipher's place back. So: chunks are bounded, and places
 * are given back when a connection closes. With both, CONNECTIONS_MAX connections fit.
 */
import { preSharedKey, type ProtectorComponents } from '@libp2p/pnet';
import type { ConnectionProtector, MultiaddrConnection } from '@libp2p/interface';
import { CIPHER_CHUNK_BYTES } from './limits.ts';

interface Cipher {
  update(bytes: Uint8Array): Uint8Array;
  final(): void;
}

interface BoxFields {
  maxMessageSize?: number;
  inboundXor: Cipher;
  outboundXor: Cipher;
}

/** @param psk content of a swarm key file. */
export function privateNetwork(psk: Uint8Array): (components: ProtectorComponents) => ConnectionProtector {
  const create = preSharedKey({ psk });
  return () => {
    const protector = create();
    return {
      protect: async (connection, options) => bounded((await protector.protect(connection, options)) as MultiaddrConnection),
    };
  };
}

/** What comes in is bounded already: a socket is read in pieces of at most 64 KiB. */
function bounded(box: MultiaddrConnection): MultiaddrConnection {
  const fields = box as unknown as BoxFields;
  fields.maxMessageSize = CIPHER_CHUNK_BYTES;
  box.addEventListener('close', () => {
    for (const name of ['inboundXor', 'outboundXor'] as const) {
      const cipher = fields[name];
      if (cipher === spent) continue;
      // Bytes that are still delivered after the close have nobody who could want them.
      fields[name] = spent;
      cipher.final();
    }
  });
  return box;
}

const spent: Cipher = { update: () => new Uint8Array(0), final() {} };
