/** Reads the values that people type: durations, ports, addresses, labels. Every refusal quotes what was found. */
import { isIP } from 'node:net';
import { multiaddr } from '@multiformats/multiaddr';
import { SkeinError } from '../errors.ts';
import { DURATION_FORM, parseDuration, parseSize, SIZE_FORM } from '../pipeline/units.ts';
import type { BlobQuota } from '../runtime/blobs/quota.ts';
import { ADDRESS_LENGTH_MAX, BLOB_BANDWIDTH_MIN, DURATION_MS_MAX, RETENTION_MS_MAX } from './limits.ts';

export const P2P_PORT_DEFAULT = 9000;
export const HTTP_PORT_DEFAULT = 8080;

/** @param origin where the value came from, e.g. `--slots` or `SKEIN_SLOTS`; starts the message. */
export function invalid(origin: string, found: string, expected: string): SkeinError {
  const shown = found.length > 80 ? `${found.slice(0, 80)}…` : found;
  return new SkeinError('OPTION_INVALID', `${origin} is ${JSON.stringify(shown)}, but must be ${expected}`, { option: origin, found: shown, expected });
}

/** `500ms`, `10s`, `1.5m`, `2h`, `7d` → milliseconds. */
export function parseTimeout(text: string, origin: string): number {
  const value = parseDuration(text.trim());
  if (value === undefined || value > DURATION_MS_MAX) throw invalid(origin, text, `${DURATION_FORM} (24 days at most)`);
  return value;
}

export function parseRetention(text: string, origin: string): number {
  const value = parseDuration(text);
  if (value === undefined || value > RETENTION_MS_MAX) throw invalid(origin, text, `${DURATION_FORM} (10 years at most)`);
  return value;
}

/** `200GiB`, or `50%` of the disk. */
export function parseQuota(text: string, origin: string): BlobQuota {
  const percent = /^(\d{1,3}(?:\.\d{1,3})?) ?%$/.exec(text.trim())?.[1];
  const share = percent === undefined ? NaN : Number(percent) / 100;
  if (share > 0 && share <= 1) return { share };
  const bytes = parseSize(text);
  if (percent !== undefined || bytes === undefined) throw invalid(origin, text, `a share of the disk from 0.001% to 100%, or ${SIZE_FORM}`);
  return { bytes };
}

/** A second; 0 = no limit. */
export function parseBandwidth(text: string, origin: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined || (bytes > 0 && bytes < BLOB_BANDWIDTH_MIN)) throw invalid(origin, text, `${SIZE_FORM} (a second, ${BLOB_BANDWIDTH_MIN / 1024} KiB at least; 0B = no limit)`);
  return bytes;
}

export function parseInteger(text: string, origin: string, min: number, max: number): number {
  const value = /^\d{1,15}$/.test(text.trim()) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) throw invalid(origin, text, `a whole number from ${min} to ${max}`);
  return value;
}

export function parsePort(text: string, origin: string): number {
  return parseInteger(text, origin, 0, 65_535);
}

export function parseSwitch(text: string, origin: string): boolean {
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off|)$/i.test(text)) return false;
  throw invalid(origin, text, '1, true, yes, on or 0, false, no, off');
}

/** A name of a node or a cluster: what can stand in a path, a table cell and a host name. */
export function parseName(text: string, origin: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text)) return text;
  throw invalid(origin, text, '1 to 63 letters, digits, dots, dashes or underscores, starting with a letter or digit');
}

/** `key=value`, or `key` alone for a label without value. */
export function parseLabel(text: string, origin: string): readonly [string, string] {
  const match = /^([A-Za-z0-9][A-Za-z0-9._/-]{0,62})(?:=([A-Za-z0-9._:/@+-]{0,127}))?$/.exec(text);
  if (!match) throw invalid(origin, text, 'a label such as gpu or disk=ssd');
  return [match[1] ?? '', match[2] ?? ''];
}

/** A program name, looked up on PATH: never a path, never a command line. */
export function parseTool(text: string, origin: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._+-]{0,62}$/.test(text)) return text;
  throw invalid(origin, text, 'the name of a program on the PATH, such as ffmpeg');
}

/**
 * What people type for a peer → a multiaddr: a multiaddr as it is, `host:port`, `[ip6]:port`, or a host alone with the
 * default p2p port. DNS names are resolved when dialling, since they may change.
 */
export function parseAddress(text: string, origin: string): string {
  const expected = 'a multiaddr (/ip4/192.168.1.5/tcp/9000), host:port, or a DNS name';
  if (text.length > ADDRESS_LENGTH_MAX) throw invalid(origin, text, expected);
  const trimmed = text.trim();
  if (trimmed.startsWith('/')) return checkedMultiaddr(trimmed, origin, expected);
  if (trimmed.includes('://')) throw invalid(origin, text, `${expected}; not a URL: nodes speak libp2p on their p2p port, not HTTP`);
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(trimmed);
  const plain = isIP(trimmed) === 6 ? [trimmed, trimmed, undefined] : /^([^:]+)(?::(\d+))?$/.exec(trimmed);
  const parts = bracketed ?? plain;
  if (!parts) throw invalid(origin, text, expected);
  const host = parts[1] ?? '';
  const port = parts[2] === undefined ? P2P_PORT_DEFAULT : parseInteger(parts[2], `${origin} port`, 1, 65_535);
  const family = isIP(host);
  if (bracketed && family !== 6) throw invalid(origin, text, expected);
  if (family === 0 && !isHostName(host)) throw invalid(origin, text, expected);
  const kind = family === 4 ? 'ip4' : family === 6 ? 'ip6' : 'dns';
  return checkedMultiaddr(`/${kind}/${host}/tcp/${port}`, origin, expected);
}

function isHostName(host: string): boolean {
  if (host.length > 253 || /^[\d.]+$/.test(host)) return false;
  return host.replace(/\.$/, '').split('.').every((label) => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label));
}

function checkedMultiaddr(text: string, origin: string, expected: string): string {
  try {
    const names = multiaddr(text).getComponents().map((component) => component.name);
    if (!['ip4', 'ip6', 'dns', 'dns4', 'dns6', 'dnsaddr'].includes(names[0] ?? '')) throw new Error('no host');
    if (!names.includes('tcp') && names[0] !== 'dnsaddr') throw new Error('no tcp port');
    return text;
  } catch (cause) {
    throw invalid(origin, text, `${expected}${cause instanceof Error ? ` (${cause.message})` : ''}`);
  }
}
