import { transportConformance } from '../../conformance/transport.ts';
import { libp2pWorld } from './support.ts';

transportConformance('libp2p', libp2pWorld);
