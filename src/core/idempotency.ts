/**
 * The field of a task that receives an id: the same for all its attempts and redrives.
 *
 * @module
 */

import { shown } from "./duration.ts";
import { check, type Checked, type StandardSchemaV1 } from "./input.ts";

/**
 * The fields of a task that can receive its id: they take any string, and the handler finds a
 * string there. Where nothing is known of tasks (`unknown`), any name will do.
 */
export type IdField<Input, Output> = unknown extends Output ? string
  : TextField<Input, Output, Extract<keyof Input & keyof Output, string>>;

type TextField<Input, Output, Field extends keyof Input & keyof Output> = {
  [Each in Field]: [Refusing<Input, Each>] extends [never]
    ? NonNullable<Output[Each]> extends string ? Each : never
    : never;
}[Field];

/** The kinds of task, of those in a union, whose field doesn't take just any string. */
type Refusing<Input, Field extends keyof Input> = Input extends unknown
  ? string extends Input[Field] ? never : Input
  : never;

/** A task as its handler sees it: the field that receives the id is a string, and there. */
export type WithId<Task, Field extends string> = Unnamed<Field> extends true ? Task
  : Field extends unknown ? Task extends unknown ? Joined<Task, { [Each in Field]: string }> : never
  : never;

/** A task as its caller gives it: the field that receives the id may be left out. */
export type WithoutId<Task, Field extends string> = Unnamed<Field> extends true ? Task
  : Task extends { [Each in Field]: unknown } ? Flat<
      & { [Each in keyof Task as Exclude<Each, Field>]: Task[Each] }
      & { [Each in Field]?: Task[Each] }
    >
  : Task;

/** Whether no field was named, or one that only the running program knows. */
type Unnamed<Field extends string> = [Field] extends [never] ? true
  : string extends Field ? true
  : false;

/** Both in one; as an intersection only where a class with private members can't do without. */
type Joined<Task, More> = Task extends More ? Task
  : Flat<Task & More> extends Task ? Flat<Task & More>
  : Task & More;

type Flat<Task> = { [Each in keyof Task]: Task[Each] };

/** What the compiler says is expected where there is no such field: `Field` was inferred as none. */
export type NoField<Field extends string, Hint extends string> = [Field] extends [never] ? Hint
  : never;

/** Which id a field receives. */
export interface Id {
  /** `undefined` if there is no such field. */
  readonly field: string | undefined;
  readonly id: string;
  /** Whether what is in the field already goes before the id. */
  readonly keep?: boolean;
}

/**
 * Checks a task with its id put in, and that what the schema makes of it has the id as a string: a
 * handler that finds nothing there would work without its guard against doing things twice.
 */
export async function checkWithId(
  schema: StandardSchemaV1 | undefined,
  task: unknown,
  { field, id, keep = false }: Id,
): Promise<Checked> {
  if (field === undefined) return await check(schema, task);
  if (typeof task !== "object" || task === null || Array.isArray(task)) {
    return { problem: `expected an object to put ${field} into, received ${shown(task)}` };
  }
  const given = Object.hasOwn(task, field) && valueOf(task, field) !== undefined;
  const checked = await check(schema, keep && given ? task : { ...task, [field]: id });
  if ("problem" in checked) return checked;
  const result = valueOf(checked.value, field);
  if (typeof result === "string") return checked;
  const expected = schema ? "the schema to keep it as a string" : "string";
  return { problem: `${field}: expected ${expected}, received ${shown(result)}` };
}

function valueOf(task: unknown, field: string): unknown {
  return (Object(task) as Record<string, unknown>)[field];
}
