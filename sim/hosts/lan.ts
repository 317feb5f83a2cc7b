/**
 * Several hosts on one switch, made of Linux network namespaces: each host has its own address and its own loopback, and
 * whatever runs in it believes that it is alone on a machine. The switch is a bridge in a namespace of its own, so that
 * nothing of this is seen, or filtered, by the machine itself.
 *
 * ```ts
 * const lan = makeLan(3);
 * const [a, b, c] = lan.hosts;
 * spawn(a.prefix[0], [...a.prefix.slice(1), 'node', 'dist/node.js']);
 * lan.cut([a], [b]);        // both ways; what they send to c arrives
 * lan.mute([c], [a, b]);    // c hears them, they do not hear c
 * lan.heal();
 * lan.end();
 * ```
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ownPrefix, removeAbandoned, removeOwn } from './owner.ts';
import { attempt, run } from './shell.ts';

export interface LanHost {
  /** h0, h1, … */
  readonly name: string;
  readonly namespace: string;
  /** IPv4 on `eth0`, its only interface but `lo`. */
  readonly address: string;
  /** Put before a command: it then runs on this host. The process id stays that of the command. */
  readonly prefix: readonly string[];
}

const HOSTS_MAX = 200;
const NETWORK = '10.77.0';
/** The bridge port of host n is `p<n>`. */
const RULES = `table bridge skein {
  set cut { type ifname . ifname; }
  chain forward { type filter hook forward priority 0; iifname . oifname @cut drop; }
}`;

let made = 0;
const living = new Set<Lan>();
process.on('exit', () => {
  for (const lan of living) lan.end();
});

/** @throws Error when this machine does not allow it (`lanProblem` says so beforehand). */
export function makeLan(size: number): Lan {
  if (size < 1 || size > HOSTS_MAX) throw new RangeError(`a LAN has 1 to ${HOSTS_MAX} hosts, not ${size}`);
  removeAbandoned();
  made += 1;
  const lan = new Lan(`${ownPrefix()}-${made}`, size);
  living.add(lan);
  try {
    lan.start();
  } catch (error) {
    lan.end();
    throw error;
  }
  return lan;
}

/** Why no LAN can be made here, found by making a small one; false = it can. */
export function lanProblem(): string | false {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  for (const [command, option] of [['ip', '-V'], ['nft', '-v'], ['nsenter', '--version']] as const) {
    if (attempt(command, [option]).code !== 0) return `there is no program ${command}`;
  }
  try {
    const lan = makeLan(1);
    run('nsenter', [...lan.host(0).prefix.slice(1), 'true']);
    lan.end();
    return false;
  } catch (error) {
    return `network namespaces are not permitted: ${(error as Error).message.split('\n')[0]}`;
  }
}

export class Lan {
  readonly name: string;
  readonly hosts: readonly LanHost[];
  /** `p0 . p1`: no frame goes from host 0 to host 1. */
  readonly #cuts = new Set<string>();

  constructor(name: string, size: number) {
    this.name = name;
    this.hosts = Array.from({ length: size }, (_, index) => {
      const namespace = `${name}-h${index}`;
      return { name: `h${index}`, namespace, address: `${NETWORK}.${index + 1}`, prefix: ['nsenter', `--net=/run/netns/${namespace}`] };
    });
  }

  get #switch(): string {
    return `${this.name}-switch`;
  }

  start(): void {
    run('ip', ['netns', 'add', this.#switch]);
    // Without snooping multicast goes to every port, as on the switch of a home.
    this.#ip(this.#switch, ['link set lo up', 'link add name sw type bridge mcast_snooping 0 stp_state 0', 'link set sw up']);
    run('ip', ['netns', 'exec', this.#switch, 'nft', '-f', '-'], RULES);
    for (const [index, host] of this.hosts.entries()) {
      run('ip', ['netns', 'add', host.namespace]);
      this.#ip(this.#switch, [`link add p${index} type veth peer name eth0 netns ${host.namespace}`, `link set p${index} master sw`, `link set p${index} up`]);
      // No duplicate address detection: a host has its addresses at once.
      run('ip', ['netns', 'exec', host.namespace, 'sysctl', '-q', '-w', 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.eth0.accept_dad=0']);
      this.#ip(host.namespace, ['link set lo up', `addr add ${host.address}/24 dev eth0`, 'link set eth0 up', 'route add 224.0.0.0/4 dev eth0']);
    }
  }

  host(index: number): LanHost {
    const host = this.hosts[index];
    if (host === undefined) throw new RangeError(`no host ${index}`);
    return host;
  }

  others(...hosts: readonly LanHost[]): LanHost[] {
    return this.hosts.filter((host) => !hosts.includes(host));
  }

  // ── Faults ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Nothing goes between these and those, in both directions. Silent: nobody is told, as when a switch fails. */
  cut(these: readonly LanHost[], those: readonly LanHost[]): void {
    this.#drop(these, those);
    this.#drop(those, these);
    this.#apply();
  }

  /** What these send does not reach those; the other direction works. */
  mute(these: readonly LanHost[], those: readonly LanHost[] = this.others(...these)): void {
    this.#drop(these, those);
    this.#apply();
  }

  /** These hear nothing of what those send; they are still heard. */
  deafen(these: readonly LanHost[], those: readonly LanHost[] = this.others(...these)): void {
    this.mute(those, these);
  }

  isolate(host: LanHost): void {
    this.cut([host], this.others(host));
  }

  /**
   * The host's own firewall answers every TCP packet with a reset, coming and going: connections break at once on both
   * sides and new ones are refused, while all processes live. Not for its loopback.
   */
  reset(host: LanHost): void {
    this.#filter(host, 'iifname "eth0" meta l4proto tcp reject with tcp reset', 'oifname "eth0" tcp flags & rst == 0 reject with tcp reset');
  }

  /** The same for the host itself only: its connections break, the other sides are told nothing and wait for answers. */
  forget(host: LanHost): void {
    this.#filter(host, 'iifname "eth0" meta l4proto tcp drop', 'oifname "eth0" meta l4proto tcp reject with tcp reset');
  }

  /** The cable is out: the interface of the host itself says so. */
  unplug(host: LanHost): void {
    this.#ip(this.#switch, [`link set ${this.#port(host)} down`]);
  }

  /** The host gets another address, as from another lease or network; its old one is nobody's. @returns the host as it is now. */
  move(host: LanHost): LanHost {
    const address = host.address.replace(/\d+$/, (last) => String((Number(last) + HOSTS_MAX / 2) % HOSTS_MAX));
    this.#ip(host.namespace, [`addr del ${host.address}/24 dev eth0`, `addr add ${address}/24 dev eth0`, 'route replace 224.0.0.0/4 dev eth0']);
    return { ...host, address };
  }

  /** A second interface with an address of its own choice, e.g. that of a container bridge, which every machine has alike. */
  addInterface(host: LanHost, name: string, address: string): void {
    this.#ip(host.namespace, [`link add ${name} type veth peer name ${name}-end`, `addr add ${address} dev ${name}`, `link set ${name} up`, `link set ${name}-end up`]);
  }

  /** Ends all cuts and resets, plugs all cables in. */
  heal(): void {
    this.#cuts.clear();
    this.#apply();
    for (const host of this.hosts) {
      this.#ip(this.#switch, [`link set ${this.#port(host)} up`]);
      run('ip', ['netns', 'exec', host.namespace, 'nft', 'flush', 'ruleset']);
    }
  }

  /** A disk of this size, empty; it goes with the LAN. @returns its folder. */
  smallDisk(sizeBytes: number): string {
    const folder = mkdtempSync(join(tmpdir(), `${this.name}-disk-`));
    run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=0700`, this.name, folder]);
    return folder;
  }

  /** Ends what still runs on the hosts and removes all that was made. */
  end(): void {
    living.delete(this);
    removeOwn(this.name);
  }

  #filter(host: LanHost, coming: string, going: string): void {
    const rules = `table inet skein {
      chain in { type filter hook input priority 0; ${coming}; }
      chain out { type filter hook output priority 0; ${going}; }
    }`;
    run('ip', ['netns', 'exec', host.namespace, 'nft', '-f', '-'], rules);
  }

  #port(host: LanHost): string {
    return host.name.replace(/^h/, 'p');
  }

  #drop(from: readonly LanHost[], to: readonly LanHost[]): void {
    for (const one of from) for (const other of to) if (one.name !== other.name) this.#cuts.add(`"${this.#port(one)}" . "${this.#port(other)}"`);
  }

  /** In one transaction: a split begins for all at the same moment. */
  #apply(): void {
    const add = this.#cuts.size === 0 ? '' : `add element bridge skein cut { ${[...this.#cuts].join(', ')} }`;
    run('ip', ['netns', 'exec', this.#switch, 'nft', '-f', '-'], `flush set bridge skein cut\n${add}\n`);
  }

  #ip(namespace: string, commands: readonly string[]): void {
    run('ip', ['-n', namespace, '-batch', '-'], `${commands.join('\n')}\n`);
  }
}
