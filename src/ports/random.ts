export interface Random {
  /** Uniform in [0, 1). */
  float(): number;
  /** `length` random bytes; unpredictable in production, seeded in the simulator. */
  bytes(length: number): Uint8Array;
}
