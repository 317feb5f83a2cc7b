/** Where things lie on this machine: data folders and the socket of each. */
import { createHash } from 'node:crypto';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** Plain starts on one machine take the folders `0`, `1`, … in turn; more nodes than this need --data-dir. */
export const SLOT_FOLDERS_MAX = 64;
/** Linux takes 107 bytes for the path of a unix socket, macOS 103. */
const SOCKET_PATH_BYTES_MAX = 100;

/** `$XDG_DATA_HOME/skein`, by default under `~/.local/share` (`%LOCALAPPDATA%` on Windows). */
export function dataRoot(env: Environment = process.env): string {
  const set = env['XDG_DATA_HOME'];
  if (set !== undefined && set !== '') return join(set, 'skein');
  const local = env['LOCALAPPDATA'];
  if (process.platform === 'win32' && local !== undefined) return join(local, 'skein');
  return join(env['HOME'] ?? homedir(), '.local', 'share', 'skein');
}

export function slotFolder(env: Environment, slot: number): string {
  return join(dataRoot(env), String(slot));
}

/**
 * The socket that is both the lock of a data folder and the door for the local CLI. It lies in the folder, or, when that
 * path is too long for a socket, in a private folder of this user under a name made of the path.
 */
export function socketPathOf(dataDir: string, env: Environment = process.env): string {
  const folder = resolve(dataDir);
  const inside = join(folder, 'node.sock');
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 24);
  if (process.platform === 'win32') return `\\\\.\\pipe\\skein-${name}`;
  if (Buffer.byteLength(inside) <= SOCKET_PATH_BYTES_MAX) return inside;
  return join(privateFolder(env), `${name}.sock`);
}

/** Folder of sockets with long paths; whoever binds one creates it with mode 0700. */
function privateFolder(env: Environment): string {
  const runtime = env['XDG_RUNTIME_DIR'];
  return runtime === undefined || runtime === '' ? join(tmpdir(), `skein-${userInfo().uid}`) : join(runtime, 'skein');
}
