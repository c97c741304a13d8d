/** Numbers of employees by their words or column. A company's own form needs none: it is declared in the organisation's lists. */
import { ENDS, type Rule, STARTS, whole } from "../rule.ts";

const SAID =
  /\b(?:employee|emp|staff|personnel|personell?|payroll|worker|badge|associate)(?: file| card)? ?(?:id|no|nr|num|number|code|#)\b|\bemp(?:loyee)?(?:id|no|nr)\b|personal ?(?:nummer|nr)\b|mitarbeiter ?(?:nummer|nr|id)\b|\bmatricule\b|\bmatricola\b|(?:número|n[º°]|num) (?:de )?(?:empleado|funcion[aá]rio|colaborador)|personeels ?(?:nummer|nr)\b|\bnumer (?:pracownika|ewidencyjny)|(?:anställnings|medarbejder|ansatt)(?:nummer|nr)\b/;

/** Rules for employee ids. */
export const EMPLOYEE_ID_RULES: readonly Rule[] = [
  {
    label: "EMPLOYEE_ID",
    detector: "rule:employee-id",
    score: 0.9,
    pattern: new RegExp(String.raw`${STARTS}(?:[A-Z]{1,4}[-/]?)?\d{3,8}(?:[-/]\d{1,4})?${ENDS}`, "gu"),
    starts: { figures: 3, letters: [1, 4] },
    accept: whole,
    context: SAID,
  },
];
