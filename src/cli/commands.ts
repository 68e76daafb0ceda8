/**
 * The commands by name, each loaded when it is needed.
 *
 * @module
 */

import type { Command } from "./command.ts";

/** A command before it is loaded. */
export interface Entry {
  /** One line for the list of commands. */
  readonly brief: string;
  load(): Promise<Command>;
}

/** All commands, in the order of the help page. */
export const commands: Readonly<Record<string, Entry>> = {
  demo: {
    brief: "Watch a worker process the files of a folder",
    load: async () => (await import("./demo.ts")).demo,
  },
  worker: {
    brief: "Run the processors that modules export",
    load: async () => (await import("./worker.ts")).worker,
  },
  install: {
    brief: "Install pgmq in the database, if it is missing",
    load: async () => (await import("./install.ts")).install,
  },
  create: {
    brief: "Create a queue and its dead letter queue",
    load: async () => (await import("./create.ts")).create,
  },
  drop: {
    brief: "Drop a queue with everything in it",
    load: async () => (await import("./drop.ts")).drop,
  },
  purge: {
    brief: "Remove all tasks and dead letters of a queue",
    load: async () => (await import("./purge.ts")).purge,
  },
  send: {
    brief: "Put tasks into a queue",
    load: async () => (await import("./send.ts")).send,
  },
  stats: {
    brief: "Count the tasks of one queue or of all",
    load: async () => (await import("./stats.ts")).stats,
  },
  list: {
    brief: "Look at tasks without taking them",
    load: async () => (await import("./list.ts")).list,
  },
  redrive: {
    brief: "Make dead letters tasks again",
    load: async () => (await import("./redrive.ts")).redrive,
  },
  prune: {
    brief: "Delete old tasks from the archive",
    load: async () => (await import("./prune.ts")).prune,
  },
};
