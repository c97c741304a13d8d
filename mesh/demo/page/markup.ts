/** HTML by template: whatever is put in is escaped, unless it is markup already. */

/** Text that is HTML and needs no escaping. */
export interface Markup {
  readonly html: string;
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? "");

type Part = string | number | Markup | readonly Part[];
const isList = (part: Part): part is readonly Part[] => Array.isArray(part);
const htmlOf = (part: Part): string => {
  if (isList(part)) return part.map(htmlOf).join("");
  return typeof part === "object" ? part.html : escapeHtml(String(part));
};

/** Tag of a template: texts and numbers are escaped (also inside quoted attributes), markup and lists of it go in as they are. */
export const markup = (strings: TemplateStringsArray, ...parts: Part[]): Markup => ({
  html: strings.map((text, i) => text + htmlOf(parts[i] ?? "")).join(""),
});
