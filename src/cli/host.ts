/**
 * What a command knows of the process it runs in. Only `cli.ts` touches the real one.
 *
 * @module
 */

/** Where text goes. */
export interface Writer {
  /** Whether a person looks at it. */
  readonly isTTY: boolean;
  /** The width of the terminal, 80 if there is none. */
  readonly columns: number;
  /**
   * Writes text, and resolves when it is out.
   *
   * @throws {BrokenPipe} if the reader has gone
   */
  write(text: string): Promise<void>;
}

/** Where bytes come from. */
export interface Reader extends AsyncIterable<Uint8Array> {
  /** Whether a person types them. */
  readonly isTTY: boolean;
}

/** A process, as far as commands need it. */
export interface Host {
  /** How this program is called in a command that the user can type. */
  readonly program: string;
  readonly args: readonly string[];
  /** The environment; what is set here is seen by modules that are imported later. */
  readonly env: Record<string, string | undefined>;
  readonly cwd: string;
  readonly stdin: Reader;
  readonly stdout: Writer;
  readonly stderr: Writer;
  readonly interrupts: Interrupts;
  /** What has to be closed before the process ends, however it ends. */
  readonly resources: AsyncDisposableStack;
}

/** Thrown by a writer whose reader has gone, as in `| head`: no reason to complain. */
export class BrokenPipe extends Error {
  override readonly name: string = "BrokenPipe";
}

/** Ctrl-C and its relatives. */
export class Interrupts {
  readonly #handlers: (() => void)[] = [];
  /** Whether there was any. */
  fired = false;

  /** Calls `handler` from now on, instead of the one before, until it is disposed of. */
  take(handler: () => void): Disposable {
    this.#handlers.push(handler);
    return {
      [Symbol.dispose]: () => void this.#handlers.splice(this.#handlers.indexOf(handler), 1),
    };
  }

  /** Tells the newest handler. */
  fire(): void {
    this.fired = true;
    this.#handlers.at(-1)?.();
  }
}
