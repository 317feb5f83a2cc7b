/** Which addresses to dial and which to show: plain functions on multiaddrs as text. */
import { isIP } from 'node:net';
import { multiaddr } from '@multiformats/multiaddr';
import { ADDRESSES_PER_PEER_MAX } from './limits.ts';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Host and tcp port of a multiaddr, or undefined when it has none (or is none at all). */
export function hostPort(address: string): HostPort | undefined {
  try {
    const [first, ...rest] = multiaddr(address).getComponents();
    const port = Number(rest.find((component) => component.name === 'tcp')?.value);
    if (first?.value === undefined || !Number.isInteger(port) || port < 1) return undefined;
    return { host: first.value, port };
  } catch {
    return undefined;
  }
}

/** The peer id that a multiaddr ends with, or ''. */
export function peerOf(address: string): string {
  return multiaddr(address).getComponents().findLast((component) => component.name === 'p2p')?.value ?? '';
}

/** `/ip4/…/tcp/…` without the peer id; undefined for what this node cannot dial. */
export function bareAddress(address: string): string | undefined {
  const place = hostPort(address);
  if (place === undefined) return undefined;
  const family = isIP(place.host);
  return `/${family === 4 ? 'ip4' : family === 6 ? 'ip6' : 'dns'}/${place.host}/tcp/${place.port}`;
}

/** New addresses first, then the known ones; no doubles, bounded. Addresses without host and port are left out. */
export function mergedAddresses(known: readonly string[], seen: readonly string[]): string[] {
  const merged = new Set<string>();
  for (const address of [...seen, ...known]) {
    const bare = bareAddress(address);
    if (bare !== undefined && merged.size < ADDRESSES_PER_PEER_MAX) merged.add(bare);
  }
  return [...merged];
}

/**
 * What is worth dialling of a peer's addresses, best first. A peer on another machine tells its loopback addresses too;
 * dialling those would reach this machine, so they count only when the peer shares an address with us or has no others.
 * `preferredHost`, where the peer was last reached, goes first.
 */
export function dialOrder(addresses: readonly string[], own: readonly string[], preferredHost = ''): string[] {
  const ownHosts = new Set(own.map(hostOf).filter((host) => !isLoopback(host)));
  const sameMachine = isLoopback(preferredHost) || addresses.some((address) => ownHosts.has(hostOf(address)));
  const away = addresses.filter((address) => !isLoopback(hostOf(address)));
  const candidates = sameMachine || away.length === 0 ? addresses : away;
  const rank = (address: string): number => {
    const host = hostOf(address);
    if (host === preferredHost) return 0;
    if (isLoopback(host)) return sameMachine ? 1 : 4;
    return isIP(host) === 4 ? 2 : 3;
  };
  return candidates.toSorted((a, b) => rank(a) - rank(b));
}

/** Addresses for people on other machines, `host:port`: IPv4 of a network first, loopback last. */
export function joinAddresses(addresses: readonly string[]): string[] {
  const rank = (host: string): number => (isLoopback(host) ? 4 : isLinkLocal(host) ? 3 : isIP(host) === 4 ? 0 : isIP(host) === 6 ? 2 : 1);
  const places = addresses.map(hostPort).filter((place) => place !== undefined);
  places.sort((a, b) => rank(a.host) - rank(b.host));
  return [...new Set(places.map((place) => (isIP(place.host) === 6 ? `[${place.host}]:${place.port}` : `${place.host}:${place.port}`)))];
}

export function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1' || host === 'localhost';
}

function isLinkLocal(host: string): boolean {
  return host.startsWith('169.254.') || /^fe[89ab]/i.test(host);
}

function hostOf(address: string): string {
  return hostPort(address)?.host ?? '';
}
