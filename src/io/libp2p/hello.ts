/** The first frame of every stream: who speaks, of which boot, in which cluster and version. */
import { decode, encode } from 'cborg';
import { SkeinError } from '../../errors.ts';
import { HELLO_BYTES_MAX, WIRE_VERSION } from './limits.ts';

export interface Hello {
  readonly wireVersion: number;
  readonly nodeId: string;
  readonly bootId: string;
  readonly clusterName: string;
  /** Of the software, for people. */
  readonly version: string;
}

const FIELD_LENGTH_MAX = 256;

/** Positional, so that later versions can append fields which this one ignores. */
export function encodeHello(hello: Hello): Uint8Array {
  return encode([hello.wireVersion, hello.nodeId, hello.bootId, hello.clusterName, hello.version]);
}

/** @throws SkeinError FRAME_INVALID. */
export function decodeHello(bytes: Uint8Array): Hello {
  if (bytes.byteLength > HELLO_BYTES_MAX) throw new SkeinError('FRAME_TOO_LARGE', `a hello of ${bytes.byteLength} bytes is over ${HELLO_BYTES_MAX}`);
  const [wireVersion, nodeId, bootId, clusterName, version] = decodedArray(bytes);
  if (typeof wireVersion !== 'number' || !Number.isSafeInteger(wireVersion) || wireVersion < 1) throw badField('version');
  return {
    wireVersion,
    nodeId: text(nodeId, 'node id'),
    bootId: text(bootId, 'boot id'),
    clusterName: text(clusterName, 'cluster name'),
    version: text(version, 'software version'),
  };
}

/** Why two nodes cannot work together, or undefined. Symmetric: both come to the same answer. */
export function refusal(own: Hello, other: Hello): { readonly event: 'version-mismatch' | 'cluster-name-mismatch'; readonly message: string } | undefined {
  if (other.wireVersion !== WIRE_VERSION) {
    return {
      event: 'version-mismatch',
      message: `speaks protocol version ${other.wireVersion} (Skein ${other.version}), this node speaks ${own.wireVersion} (Skein ${own.version}): install the same Skein on both`,
    };
  }
  if (other.clusterName !== own.clusterName) {
    return { event: 'cluster-name-mismatch', message: `belongs to the cluster ${JSON.stringify(other.clusterName)}, this node to ${JSON.stringify(own.clusterName)}: give both the same --cluster-name` };
  }
  return undefined;
}

function decodedArray(bytes: Uint8Array): readonly unknown[] {
  let value: unknown;
  try {
    value = decode(bytes, { strict: true, allowIndefinite: false, allowUndefined: false, allowNaN: false, allowInfinity: false });
  } catch (cause) {
    throw new SkeinError('FRAME_INVALID', 'the hello is not CBOR', {}, { cause });
  }
  if (!Array.isArray(value) || value.length < 5) throw badField('list of fields');
  return value;
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > FIELD_LENGTH_MAX) throw badField(name);
  return value;
}

function badField(name: string): SkeinError {
  return new SkeinError('FRAME_INVALID', `the hello has no valid ${name}`);
}
