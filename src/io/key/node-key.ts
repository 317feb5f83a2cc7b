/** The node's own key, Ed25519, in its data directory: the peer id that others know it by. */
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import type { NodeId } from '../../core/lib/ids.ts';
import { nodeId } from '../../core/lib/ids.ts';
import { SkeinError } from '../../errors.ts';

export const NODE_KEY_FILE = 'node.key';

export interface NodeKey {
  readonly privateKey: PrivateKey;
  readonly nodeId: NodeId;
}

/**
 * Reads `node.key`, or makes it at the first start. The caller holds the lock of the directory, so there is no second
 * writer. @throws SkeinError OPTION_INVALID when the file is no key: it is never replaced, since that would be another node.
 */
export async function loadNodeKey(dataDir: string): Promise<NodeKey> {
  const path = join(dataDir, NODE_KEY_FILE);
  const bytes = readIfThere(path);
  const privateKey = bytes === undefined ? await createKey(path) : parsed(path, bytes);
  return { privateKey, nodeId: nodeId(peerIdFromPrivateKey(privateKey).toString()) };
}

async function createKey(path: string): Promise<PrivateKey> {
  const key = await generateKeyPair('Ed25519');
  const temporary = `${path}.new`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeSync(file, privateKeyToProtobuf(key));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  return key;
}

function parsed(path: string, bytes: Uint8Array): PrivateKey {
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
  try {
    const key = privateKeyFromProtobuf(bytes);
    if (key.type === 'Ed25519') return key;
  } catch (cause) {
    throw invalid(path, cause);
  }
  throw invalid(path, undefined);
}

function invalid(path: string, cause: unknown): SkeinError {
  return new SkeinError('OPTION_INVALID', `${path} is not a node key: restore it, or start with an empty data directory as a new node`, { path }, { cause });
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new SkeinError('OPTION_INVALID', `${path} cannot be read: ${(error as Error).message}`, { path }, { cause: error });
  }
}
