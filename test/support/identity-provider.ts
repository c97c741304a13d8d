/** Starts the provider's process, and a person at its pages: follows redirects, keeps cookies, sends the forms off. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The provider. */
export interface TestIdentityProvider {
  readonly issuer: string;
  close(): Promise<void>;
}

/** @param people claims by account */
export async function startIdentityProvider(people: Record<string, object>): Promise<TestIdentityProvider> {
  const program = fileURLToPath(new URL("identity-provider-process.ts", import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [program, JSON.stringify(people)], { stdio: ["ignore", "pipe", "ignore"] });
  if (child.stdout === null) throw new Error("the provider has no output");
  const [issuer] = (await Promise.race([
    once(createInterface(child.stdout), "line"),
    once(child, "exit").then(() => Promise.reject(new Error("the identity provider ended at once"))),
  ])) as [string];
  return {
    issuer,
    async close() {
      if (child.exitCode !== null) return;
      child.kill();
      await once(child, "exit");
    },
  };
}

/** A person with a browser of their own. */
export interface TestPerson {
  /** Opens an address and does what the pages ask. @returns the text of the last page, and the address that it is from */
  visit(url: string): Promise<{ url: string; text: string; status: number }>;
}

/** @param login what the person types on the sign-in page; undefined for one who declines */
export function createPerson(login: string | undefined): TestPerson {
  const cookies = new Map<string, Map<string, string>>();
  const step = async (url: URL, form?: URLSearchParams): Promise<Response> => {
    const jar = cookies.get(url.origin) ?? new Map<string, string>();
    cookies.set(url.origin, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url, {
      method: form === undefined ? "GET" : "POST",
      redirect: "manual",
      headers: { cookie },
      ...(form === undefined ? {} : { body: form }),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      const at = pair.indexOf("=");
      jar.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return answer;
  };
  return {
    async visit(start) {
      let url = new URL(start);
      let answer = await step(url);
      for (let i = 0; i < 30; i += 1) {
        const location = answer.headers.get("location");
        if (location !== null) {
          url = new URL(location, url);
          answer = await step(url);
          continue;
        }
        const text = await answer.text();
        const form = formOf(text);
        if (form === undefined) return { url: url.href, text, status: answer.status };
        if (login === undefined && form.fields.has("login")) {
          url = new URL(/href="([^"]*\/abort)"/.exec(text)?.[1] ?? "", url);
          answer = await step(url);
          continue;
        }
        if (form.fields.has("login")) form.fields.set("login", login ?? "");
        url = new URL(form.action, url);
        answer = await step(url, form.fields);
      }
      throw new Error("the pages have no end");
    },
  };
}

/** The first form of a page. */
function formOf(html: string): { action: string; fields: URLSearchParams } | undefined {
  const form = /<form[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/.exec(html);
  if (form?.[1] === undefined) return undefined;
  const fields = new URLSearchParams();
  for (const [input] of (form[2] ?? "").matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(input)?.[1];
    if (name !== undefined) fields.set(name, /value="([^"]*)"/.exec(input)?.[1] ?? "x");
  }
  return { action: form[1].replaceAll("&amp;", "&"), fields };
}
