/**
 * Retries, timeouts, and errors that no retry can help.
 *
 *     pgtq create mails --embedded
 *     pgtq send mails '{"to": "ada@example.org", "subject": "Hello"}' --embedded
 *     MAIL_API=http://127.0.0.1:8025/send pgtq worker examples/mails.ts --embedded
 *
 * @module
 */

import process from "node:process";
import { createQueue, exponential, PermanentError, processor, SnoozeError } from "@pgtq/pgtq";
import * as v from "valibot";

export const mails = createQueue("mails", {
  input: v.object({
    to: v.pipe(v.string(), v.email()),
    subject: v.string(),
    // The task's id, the same for every attempt: the other side can tell a repetition by it.
    messageId: v.optional(v.string()),
  }),
  archive: { ttl: "30d" },
});

export const onMail = processor(mails, {
  maxRetries: 5,
  retryDelay: exponential({ max: "5m" }),
  timeout: "30s",
  idempotencyKey: "messageId",
}, async (mail, { signal }) => {
  const api = process.env.MAIL_API;
  if (!api) throw new PermanentError("MAIL_API is not set");
  const body = JSON.stringify(mail);
  const answer = await fetch(api, { method: "POST", body, signal });
  await answer.body?.cancel();
  if (answer.status === 429) throw new SnoozeError("1m"); // later, and no attempt is used up
  if (answer.status >= 500) throw new Error(`the mail server says ${answer.status}`);
  if (!answer.ok) throw new PermanentError(`the mail server refuses: ${answer.status}`);
});
