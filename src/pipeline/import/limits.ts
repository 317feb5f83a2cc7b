/** Bounds on recorded workflows that are imported. */

/** Bytes of a recorded workflow. */
export const WORKFLOW_FILE_BYTES_MAX = 256 * 1024 * 1024;
/** Tasks of a recorded workflow: as many as a pipeline may have modules. */
export const WORKFLOW_TASKS_MAX = 100_000;
/** Factor on recorded run times. */
export const SCALE_MIN = 1e-6;
export const SCALE_MAX = 1e6;
/** Cpu slots that one task may have recorded. */
export const TASK_CORES_MAX = 4096;
/** Memory that one task may have recorded, bytes. */
export const TASK_MEMORY_BYTES_MAX = 2 ** 50;
